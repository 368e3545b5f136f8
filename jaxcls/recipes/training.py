"""Whole recipes that many families share: the network and a few numbers differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from jaxcls import zoo
from jaxcls.recipes.augmentation import rand_augment, random_erasing
from jaxcls.recipes.data import Transforms, digits, imagenet
from jaxcls.recipes.optimizers import adamw, sgd
from jaxcls.recipes.recipe import classifier, recipe
from jaxcls.recipes.schedules import cosine_to_hundredth, step


def on_digits(
    backbone: Mapping[str, Any],
    head: Mapping[str, Any] | int,
    neck: Mapping[str, Any] | str | None = "GlobalAveragePooling",
    *,
    size: int = 32,
    lr: float = 2e-3,
    max_epochs: int = 20,
    positions: Sequence[str] = (),
) -> ConfigDict:
    """A small network on the embedded digits: AdamW, a warm-up, half a cosine; evaluated each fifth epoch.

    The warm-up takes two epochs, and no more than a quarter of the training.

    Args:
        backbone: its config.
        head: its config, or the channels that a linear one gets.
        neck: its config, or its name alone.
        size: side of the images in pixels; they have 8.
        lr: the learning rate.
        max_epochs: how long.
        positions: learnt positions, by a part of their path: ten times as fast, since so few steps would leave them
            where they began, and without decay.
    """
    optimizer = adamw(lr, no_decay=positions)
    for name in positions:
        optimizer["paramwise_cfg"]["custom_keys"][name]["lr_mult"] = 10.0
    interval = min(5, max_epochs)
    return recipe(
        classifier(backbone, head, neck=neck),
        digits(size),
        optimizer,
        cosine_to_hundredth(warmup_iters=min(46, 23 * max_epochs // 4)),
        max_epochs,
        grad_clip=5.0,
        evaluation=dict(interval=interval, metric="accuracy", save_best="accuracy_top-1"),
        checkpoint_config=dict(interval=interval, max_keep_ckpts=1),
    )


def small_vit(kind: str, **arguments: Any) -> dict[str, Any]:
    """A vision transformer of four narrow layers for the digits' 8 x 8 pixels, by its backbone's class."""
    arch = dict(embed_dims=64, num_layers=4, num_heads=4, feedforward_channels=128)
    start = dict(type="TruncNormal", layer="Conv2d", std=0.02)  # patches as strong as positions at the start
    return dict(type=kind, arch=arch, img_size=8, patch_size=2, in_channels=1, init_cfg=start) | arguments


def imagenet_sgd(
    name: str,
    batch_size: int = 256,
    optimizer: Mapping[str, Any] | None = None,
    lr_config: Mapping[str, Any] | None = None,
    max_epochs: int = 100,
    augmentation: Transforms = (),
    *,
    crop: Mapping[str, Any] | None = None,
    train_cfg: Mapping[str, Any] | None = None,
    **others: Any,
) -> ConfigDict:
    """A model of the zoo on ImageNet, as MMClassification trains ResNet and most convolutional networks.

    Args:
        name: the model's.
        batch_size: of all devices together.
        optimizer: None: SGD at 0.1.
        lr_config: None: a tenth of the rate after 30, 60 and 90 epochs.
        max_epochs: how long.
        augmentation: transforms after the random crop and flip.
        crop: arguments of the random crop; None: the preprocessing's.
        train_cfg: the model's, such as `mixup_cutmix()`, which mixes the images of a batch.
        **others: `recipe`'s.
    """
    preprocessing = zoo.find(name).preprocessing
    arguments: dict[str, Any] = {"train_cfg": train_cfg} if train_cfg else {}
    return recipe(
        zoo.model_config(name, **arguments),
        imagenet(batch_size, preprocessing, augmentation, crop=crop and preprocessing.resampling | dict(crop)),
        optimizer or sgd(0.1),
        lr_config or step([30, 60, 90]),
        max_epochs,
        **others,
    )


def imagenet_adamw(
    name: str,
    batch_size: int = 1024,
    optimizer: Mapping[str, Any] | None = None,
    lr_config: Mapping[str, Any] | None = None,
    max_epochs: int = 300,
    augmentation: Transforms | None = None,
    *,
    grad_clip: float | None = 5.0,
    **others: Any,
) -> ConfigDict:
    """A model of the zoo on ImageNet, as MMClassification trains Swin and most transformers.

    Args:
        name: the model's.
        batch_size: of all devices together.
        optimizer: None: AdamW at 1e-3.
        lr_config: None: `cosine_to_hundredth`.
        max_epochs: how long.
        augmentation: transforms after the random crop and flip; None: RandAugment and random erasing.
        grad_clip: the largest norm of the gradient; None: any.
        **others: as in `imagenet_sgd`.
    """
    strong = [rand_augment(), random_erasing()] if augmentation is None else augmentation
    optimizer, lr_config = optimizer or adamw(1e-3), lr_config or cosine_to_hundredth()
    return imagenet_sgd(name, batch_size, optimizer, lr_config, max_epochs, strong, grad_clip=grad_clip, **others)
