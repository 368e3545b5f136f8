"""Augmentation of images and of batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jaxcls.zoo.entry import IMAGENET


def rand_augment(level: int = 9, mean: Sequence[float] = IMAGENET.mean) -> dict[str, Any]:
    """RandAugment of two operations, as timm increases them (`rand-m9-mstd0.5-inc1`); `mean` fills what is empty."""
    return dict(
        type="RandAugment",
        policies="timm_increasing",
        num_policies=2,
        total_level=10,
        magnitude_level=level,
        magnitude_std=0.5,
        hparams=dict(pad_val=[round(value) for value in mean], interpolation="bicubic"),
    )


def auto_augment(mean: Sequence[float] = IMAGENET.mean) -> dict[str, Any]:
    """AutoAugment with the policy found on ImageNet."""
    hparams = dict(pad_val=[round(value) for value in mean], interpolation="bicubic")
    return dict(type="AutoAugment", policies="imagenet", hparams=hparams)


def random_erasing(
    prob: float = 0.25, mean: Sequence[float] = IMAGENET.mean, std: Sequence[float] = IMAGENET.std
) -> dict[str, Any]:
    """Random erasing of 1/50 to 1/3 of an image, filled with noise."""
    return dict(
        type="RandomErasing",
        erase_prob=prob,
        mode="rand",
        min_area_ratio=0.02,
        max_area_ratio=1 / 3,
        fill_color=list(mean),
        fill_std=list(std),
    )


def mixup_cutmix(num_classes: int = 1000, mixup: float = 0.8, cutmix: float = 1.0) -> dict[str, Any]:
    """A model's `train_cfg`: mixup or CutMix, each for half of the batches."""
    return dict(
        augments=[
            dict(type="BatchMixup", alpha=mixup, num_classes=num_classes, prob=0.5),
            dict(type="BatchCutMix", alpha=cutmix, num_classes=num_classes, prob=0.5),
        ]
    )


def lighting() -> dict[str, Any]:
    """AlexNet's random colours, along the principal components of ImageNet's pixels, RGB."""
    return dict(
        type="Lighting",
        eigval=[0.2175, 0.0188, 0.0045],
        eigvec=[[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]],
        alphastd=25.5,  # a tenth of 0..255
        to_rgb=False,
    )
