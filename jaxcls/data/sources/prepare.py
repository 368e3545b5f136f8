"""TFDS's own `cifar10`, `cifar100`, `mnist`, `fashion_mnist` and `kmnist`, prepared as ArrayRecord without TensorFlow.

TFDS's builders encode images with TensorFlow. Here their class, version and features stay, so that the result is the
dataset that TFDS knows by the name, but the examples come from the published archives, placed by the user or fetched,
and are PNG-encoded with OpenCV.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2

from jaxcls.data.sources.base import Source
from jaxcls.data.sources.cifar import CIFAR10, CIFAR100, CifarSource
from jaxcls.data.sources.idx import KMNIST, MNIST, FashionMNIST
from jaxcls.errors import UserError

PREPARABLE: dict[str, Callable[..., Source]] = {
    "cifar10": CIFAR10,
    "cifar100": CIFAR100,
    "mnist": MNIST,
    "fashion_mnist": FashionMNIST,
    "kmnist": KMNIST,
}


def prepare(builder: Any) -> None:
    """Writes the builder's dataset into its data_dir.

    Args:
        builder: `tfds.builder(name, file_format="array_record")`, the name in `PREPARABLE`.

    Raises:
        UserError: the archives are not there and cannot be fetched, or damaged, or the folder cannot be written.
    """
    try:
        _prepare(builder)
    except OSError as error:
        raise UserError(f"TFDS {builder.name}: cannot be prepared in {builder.data_path}: {error}") from error


def _prepare(builder: Any) -> None:
    import tensorflow_datasets as tfds

    make_source, folder = PREPARABLE[builder.name], str(_archive_folder(builder))
    train, test = make_source(folder), make_source(folder, test_mode=True)
    if isinstance(train, CifarSource):  # as TFDS does; the names of the others are in its builders
        builder.info.features["label"].names = list(train.classes)
        if train.superclasses:
            builder.info.features["coarse_label"].names = list(train.superclasses)
    splits = {"train": train, "test": test}
    builder._split_generators = lambda dl_manager: {
        split: _examples(source, f"{split}_", builder.info.features) for split, source in splits.items()
    }
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(try_download_gcs=False))


def _archive_folder(builder: Any) -> Path:
    """Where the archives are, or have to go to."""
    manual = Path(builder.data_dir).parents[1] / "downloads" / "manual"
    own = manual / builder.name
    if not builder.name.startswith("cifar"):
        return own  # the files of MNIST and its like have the same names: only their own folder tells which they are
    archives = f"{builder.name.replace('cifar', 'cifar-')}-*.tar.gz"
    return next((place for place in (own, manual, manual.parent) if any(place.glob(archives))), own)


def _examples(source: Source, prefix: str, features: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    coarse = source.superclass_labels if isinstance(source, CifarSource) else ()
    for index, sample in enumerate(source):
        image = sample["image"]
        pixels = image if image.shape[2] == 1 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        example = {"image": cv2.imencode(".png", pixels)[1].tobytes(), "label": sample["label"]}
        if "id" in features:
            example["id"] = f"{prefix}{index:05d}"
        if "coarse_label" in features:
            example["coarse_label"] = int(coarse[index])
        yield index, example
