"""TFDS's own `cifar10`, `cifar100`, `mnist` and `fashion_mnist`, prepared as ArrayRecord without TensorFlow.

TFDS's builders encode images with TensorFlow. Here their class, version and features stay, so that the result is the
dataset that TFDS knows by the name, but the examples come from the published archives, which the user has placed, and
are PNG-encoded with OpenCV.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2

from jaxcls.data.sources.base import Source
from jaxcls.data.sources.cifar import CIFAR10, CIFAR100, CifarSource
from jaxcls.data.sources.idx import MNIST, FashionMNIST
from jaxcls.errors import UserError

PREPARABLE: dict[str, tuple[Callable[..., Source], str]] = {
    "cifar10": (CIFAR10, "cifar-10-binary.tar.gz or cifar-10-python.tar.gz"),
    "cifar100": (CIFAR100, "cifar-100-binary.tar.gz or cifar-100-python.tar.gz"),
    "mnist": (MNIST, "the four idx-ubyte.gz files"),
    "fashion_mnist": (FashionMNIST, "the four idx-ubyte.gz files"),
}


def prepare(builder: Any) -> None:
    """Writes the builder's dataset into its data_dir.

    Args:
        builder: `tfds.builder(name, file_format="array_record")`, the name in `PREPARABLE`.

    Raises:
        UserError: the archives are not there, or damaged.
    """
    import tensorflow_datasets as tfds

    make_source, archives = PREPARABLE[builder.name]
    folder = _archive_folder(builder, archives)
    train, test = make_source(folder), make_source(folder, test_mode=True)
    if isinstance(train, CifarSource):  # as TFDS does; the names of the others are in its builders
        builder.info.features["label"].names = list(train.classes)
        if train.superclasses:
            builder.info.features["coarse_label"].names = list(train.superclasses)
    splits = {"train": train, "test": test}
    builder._split_generators = lambda dl_manager: {
        split: _examples(source, f"{split}_", builder.info.features) for split, source in splits.items()
    }
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    try:
        builder.download_and_prepare(download_config=config)
    except OSError as error:
        raise UserError(f"TFDS {builder.name}: cannot be prepared in {builder.data_path}: {error}") from error


def _archive_folder(builder: Any, archives: str) -> str:
    manual = Path(builder.data_dir).parents[1] / "downloads" / "manual"
    own = manual / builder.name
    # MNIST's and Fashion-MNIST's files have the same names, so that only their own folder tells which they are.
    for place in (own, manual, manual.parent) if "tar.gz" in archives else (own,):
        if any(path.name in archives or "idx" in path.name for path in place.glob("*.gz")):
            return str(place)
    raise UserError(
        f"TFDS {builder.name}: not prepared in {builder.data_dir}, and nothing is downloaded: put {archives} into "
        f"{own}, or run, where TensorFlow is installed: tfds build {builder.name} --file_format=array_record"
    )


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
