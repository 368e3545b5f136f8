"""IDX files, the format of MNIST (http://yann.lecun.com/exdb/mnist)."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from jaxcls.data.sources.base import Source
from jaxcls.errors import UserError


class IdxSource(Source):
    """Images and labels of two IDX files, held in memory; plain or gzip-compressed (`.gz`).

    Args:
        data_prefix: the folder with `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and the `t10k-` ones.
        test_mode: the 10,000 test images instead of the training ones.

    Raises:
        UserError: the folder or a file is missing, or a file is damaged.
    """

    CLASSES: ClassVar[tuple[str, ...]]

    def __init__(self, data_prefix: str, test_mode: bool = False) -> None:
        folder, part = Path(data_prefix), "t10k" if test_mode else "train"
        if not folder.is_dir():
            raise UserError(f"data_prefix={data_prefix!r}: no such folder; expected one with {part}-images-idx3-ubyte")
        self.classes = self.CLASSES
        self._images = read_idx(_find(folder, f"{part}-images-idx3-ubyte"), 3)[..., None]
        label_path = _find(folder, f"{part}-labels-idx1-ubyte")
        self._labels = read_idx(label_path, 1).astype(np.int32)
        if len(self._images) != len(self._labels):
            raise UserError(f"{label_path}: {len(self._labels)} labels for {len(self._images)} images")
        if self._labels.max(initial=0) >= len(self.classes):
            raise UserError(f"{label_path}: label {self._labels.max()}, expected 0..{len(self.classes) - 1}")

    @property
    def labels(self) -> np.ndarray:
        """int32 (n,)."""
        return self._labels

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"image": self._images[index], "label": int(self._labels[index])}


class MNIST(IdxSource):
    """Handwritten digits, (28, 28, 1)."""

    CLASSES = (
        "0 - zero",
        "1 - one",
        "2 - two",
        "3 - three",
        "4 - four",
        "5 - five",
        "6 - six",
        "7 - seven",
        "8 - eight",
        "9 - nine",
    )


class FashionMNIST(IdxSource):
    """Articles of clothing, (28, 28, 1) (Xiao et al., https://arxiv.org/abs/1708.07747)."""

    CLASSES = (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )


def read_idx(path: Path, ndim: int) -> np.ndarray:
    """The read-only uint8 array of `ndim` axes in an IDX file.

    Raises:
        UserError: a damaged file; the message names it and what was expected.
    """
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: cannot be read, expected a complete gzip file: {error}") from error
    magic, header = (0x08 << 8) + ndim, 4 + 4 * ndim
    if len(data) < header or int.from_bytes(data[:4], "big") != magic:
        raise UserError(f"{path}: begins with {data[:4].hex()!r}, expected {magic:08x} (IDX, uint8, {ndim} axes)")
    shape = tuple(np.frombuffer(data, ">u4", ndim, 4).tolist())
    if len(data) - header != np.prod(shape):
        raise UserError(f"{path}: {len(data) - header} bytes after the header, expected {np.prod(shape)} for {shape}")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def _find(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise UserError(f"{folder / name}: no such file, with or without .gz")
