"""TensorFlow Datasets stored as ArrayRecord, read without TensorFlow."""

from __future__ import annotations

import contextlib
import difflib
import functools
import io
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxcls.data.decode import decode_image
from jaxcls.data.sources.base import Source, digest
from jaxcls.data.sources.prepare import PREPARABLE, prepare
from jaxcls.errors import UserError
from jaxcls.paths import expand

# Reading and decoding a CIFAR image takes far longer than all its transforms.
_KEPT_BYTES = 2**30


class TFDS(Source):
    """A split of a TFDS dataset; images are decoded to uint8 RGB, or grey where the dataset says so.

    `digits` is our own (`jaxcls.data.digits`) and is prepared on first use, as are `cifar10`, `cifar100`, `mnist`,
    `fashion_mnist` and `kmnist`, from their archives in `downloads/manual`, which are fetched where they are missing
    (`jaxcls.data.sources.prepare`). Others have to be prepared as ArrayRecord.

    Images of one size stay in memory once decoded, where all of them take up to 1 GiB.

    Args:
        name: as for `tfds.builder`: `cifar10`, `imagenet2012:5.1.0`, ...
        split: `train`, `test`, `train[:10%]`, ...
        data_dir: None is TFDS's own default, the environment variable TFDS_DATA_DIR or ~/tensorflow_datasets.
        image_key: the feature that holds the image.
        label_key: the feature that holds the class label.

    Raises:
        UserError: unknown name, split or feature, or a dataset that is not prepared; the message says how to.
    """

    def __init__(
        self, name: str, split: str, data_dir: str | None = None, image_key: str = "image", label_key: str = "label"
    ) -> None:
        self._name, self._image_key, self._label_key = f"{name} {split}", image_key, label_key
        if data_dir is not None and "://" not in data_dir:  # a bucket's address is no path
            data_dir = str(expand(data_dir))
        builder = _prepared_builder(name, data_dir)
        features, self._full_name = builder.info.features, builder.info.full_name
        for key in (image_key, label_key):
            if key not in features:
                raise UserError(f"TFDS {name}: no feature {key!r}; it has {', '.join(features)}")
        if not hasattr(features[label_key], "names"):
            raise UserError(f"TFDS {name}: {label_key!r} is no class label, but {features[label_key]}")
        self.classes = tuple(features[label_key].names)
        self._color_type = "grayscale" if features[image_key].shape[-1] == 1 else "color"
        self._records = _records(builder, split, image_key)
        shape = features[image_key].shape
        self.in_memory = None not in shape and math.prod(shape) * len(self._records) <= _KEPT_BYTES
        self._kept: dict[int, tuple[np.ndarray, int]] = {}

    @functools.cached_property
    def labels(self) -> np.ndarray:
        """int32 (n,): reads all records once."""
        return np.array([self._records[index][self._label_key] for index in range(len(self))], np.int32)

    def __len__(self) -> int:
        return len(self._records)

    def names_digest(self) -> str:
        """A fingerprint of the dataset's name and version: its images have no names."""
        return digest(self._full_name.encode())

    def __getitem__(self, index: int) -> dict[str, Any]:
        image, label = self._kept.get(index) or self._read(index)
        return {"image": image, "label": label}

    def _read(self, index: int) -> tuple[np.ndarray, int]:
        record = self._records[index]
        image = decode_image(record[self._image_key], f"TFDS {self._name}[{index}]", self._color_type)
        sample = image, int(record[self._label_key])
        if self.in_memory:
            image.setflags(write=False)
            self._kept[index] = sample
        return sample


def _prepared_builder(name: str, data_dir: str | None) -> Any:
    """The dataset's builder, its files in place."""
    import tensorflow_datasets as tfds

    if name == "digits":
        return _prepare_digits(data_dir)
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError as error:
        raise UserError(f"TFDS: no dataset {name!r}; {_close(name)}") from error
    except (AssertionError, ValueError, OSError) as error:
        raise UserError(f"TFDS {name}: {error}") from error
    if builder.name in PREPARABLE and not _is_prepared(builder):
        builder = tfds.builder(name, data_dir=data_dir, file_format="array_record")
        quietly(lambda: prepare(builder))
    formats = {f.value for f in builder.info.available_file_formats()} if _is_prepared(builder) else set()
    if "array_record" not in formats:
        found = f"it is there as {', '.join(formats)}" if formats else "nothing is there"
        option = f" --data_dir={data_dir}" if data_dir else ""
        raise UserError(
            f"TFDS {name}: not prepared as ArrayRecord in {builder.data_path}: {found}. Where TensorFlow is installed, "
            f"run: tfds build {name} --file_format=array_record{option}"
        )
    return builder


def _close(name: str) -> str:
    import tensorflow_datasets as tfds

    close = difflib.get_close_matches(
        name.partition(":")[0], [*tfds.list_builders(with_community_datasets=False), "digits"]
    )
    return f"did you mean {' or '.join(close)}?" if close else "tfds.list_builders() lists all"


def _prepare_digits(data_dir: str | None) -> Any:
    import tensorflow_datasets as tfds

    from jaxcls.data.digits import Digits

    builder = Digits(data_dir=data_dir, file_format="array_record")
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    try:
        quietly(lambda: builder.download_and_prepare(download_config=config))
    except OSError as error:
        # Another process may have been first: its result is ours.
        if not _is_prepared(builder):
            raise UserError(f"TFDS digits: cannot be prepared in {builder.data_path}: {error}") from error
    return Digits(data_dir=data_dir, file_format="array_record")


def quietly(run: Callable[[], None]) -> None:
    """Runs it without a progress bar where nobody watches; standard output belongs to the commands' results."""
    import tensorflow_datasets as tfds

    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    with contextlib.redirect_stdout(io.StringIO()):
        run()


def _is_prepared(builder: Any) -> bool:
    return (builder.data_path / "dataset_info.json").exists()


def _records(builder: Any, split: str, image_key: str) -> Any:
    import tensorflow_datasets as tfds

    try:
        return builder.as_data_source(split, decoders={image_key: tfds.decode.SkipDecoding()})
    except (ValueError, AssertionError) as error:
        raise UserError(f"TFDS {builder.name}: split {split!r}: {error}") from error
