"""Data: ImageNet, CIFAR, the embedded digits, and folders of one's own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxcls.paths import expand
from jaxcls.zoo.entry import IMAGENET, Preprocessing
from jaxcls.zoo.resnet import CIFAR10, CIFAR100

Transforms = Sequence[Mapping[str, Any]]
_VALIDATION = ("val", "valid", "validation", "test")


def _tfds(
    name: str, train: Transforms, held_out: Transforms, split: str, batch_size: int, num_workers: int
) -> dict[str, Any]:
    to_train = dict(type="TFDS", name=name, split="train", pipeline=list(train))
    held = dict(type="TFDS", name=name, split=split, pipeline=list(held_out))
    return dict(batch_size=batch_size, num_workers=num_workers, train=to_train, val=held, test=dict(held))


def imagenet(
    batch_size: int,
    preprocessing: Preprocessing = IMAGENET,
    augmentation: Transforms = (),
    *,
    crop: Mapping[str, Any] | None = None,
    num_workers: int = 16,
) -> dict[str, Any]:
    """ImageNet-1k (`imagenet2012` of TFDS): random crops and flips to train, the centre to validate.

    Args:
        batch_size: of all devices together.
        preprocessing: size, resizing and normalisation.
        augmentation: transforms between the flip and the normalisation.
        crop: arguments of `RandomResizedCrop`, its `size` too; None: those of the preprocessing.
        num_workers: threads that read.
    """
    train = [*_crop_and_flip(preprocessing, crop), *augmentation, preprocessing.normalize]
    return _tfds("imagenet2012", train, preprocessing.pipeline(), "validation", batch_size, num_workers)


def _crop_and_flip(preprocessing: Preprocessing, crop: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    if crop is None:
        crop = preprocessing.resampling | ({"efficientnet_style": True} if preprocessing.efficientnet_style else {})
    return [
        dict(type="RandomResizedCrop", size=preprocessing.size) | dict(crop),
        dict(type="RandomFlip", flip_prob=0.5),
    ]


def cifar10(batch_size: int = 128, augmentation: Transforms = ()) -> dict[str, Any]:
    """CIFAR-10: padded by 4 pixels, cropped and flipped."""
    return _cifar("cifar10", CIFAR10, batch_size, augmentation)


def cifar100(batch_size: int = 128, augmentation: Transforms = ()) -> dict[str, Any]:
    """CIFAR-100, as CIFAR-10."""
    return _cifar("cifar100", CIFAR100, batch_size, augmentation)


def _cifar(name: str, preprocessing: Preprocessing, batch_size: int, augmentation: Transforms) -> dict[str, Any]:
    crop = [dict(type="RandomCrop", size=32, padding=4), dict(type="RandomFlip", flip_prob=0.5)]
    normalize = preprocessing.normalize
    return _tfds(name, [*crop, *augmentation, normalize], [normalize], "test", batch_size, num_workers=2)


def digits(size: int = 8, batch_size: int = 64) -> dict[str, Any]:
    """Scikit-learn's 1,797 handwritten digits, 8 x 8 and grey, enlarged to `size`; no network is needed."""
    shared: list[dict[str, Any]] = [dict(type="Normalize", mean=[77.9], std=[95.9])]
    if size != 8:
        shared.insert(0, dict(type="Resize", size=size))
    return _tfds(
        "digits", [dict(type="RandomCrop", size=8, padding=1), *shared], shared, "test", batch_size, num_workers=1
    )


def folder(
    path: str | os.PathLike,
    size: int | None = None,
    batch_size: int = 32,
    *,
    preprocessing: Preprocessing = IMAGENET,
    augmentation: Transforms = (),
    num_workers: int = 4,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Pictures of one's own, one folder a class, and the classes' names.

    `path` holds the class folders, or `train` and one of `val`, `valid`, `validation` and `test` that hold them.
    Without such folders a fifth of each class's pictures validates, always the same ones; a class with less than five
    pictures only trains.

    Args:
        path: the folder.
        size: side of the square that the model sees, in pixels; None: the preprocessing's.
        batch_size: of all devices together.
        preprocessing: resizing and normalisation, such as `zoo.find("resnet18").preprocessing`.
        augmentation: transforms between the flip and the normalisation.
        num_workers: threads that read.

    Raises:
        UserError: no such folder, or no class folders in it.
    """
    from jaxcls.data.sources import CustomDataset  # loads OpenCV and TFDS

    preprocessing = preprocessing if size is None else preprocessing.at(size)
    train, val, root = _split(expand(path))
    load = dict(type="LoadImageFromFile")
    train |= dict(pipeline=[load, *_crop_and_flip(preprocessing), *augmentation, preprocessing.normalize])
    val |= dict(pipeline=[load, *preprocessing.pipeline()])
    data = dict(batch_size=batch_size, num_workers=num_workers, train=train, val=val, test=dict(val))
    return data, CustomDataset(str(root)).classes


def _split(root: Path) -> tuple[dict[str, Any], dict[str, Any], Path]:
    """The sources to train and to validate, and the folder with the training classes."""
    train, held = root / "train", next((root / name for name in _VALIDATION if (root / name).is_dir()), None)
    if train.is_dir() and held:
        sources = [dict(type="CustomDataset", data_prefix=str(part)) for part in (train, held)]
        return sources[0], sources[1], train
    root = train if train.is_dir() else root
    whole = dict(type="CustomDataset", data_prefix=str(root))
    folds: dict[str, Any] = dict(type="KFoldDataset", dataset=whole, num_splits=5, seed=0, stratified=True)
    return folds, folds | dict(test_mode=True), root
