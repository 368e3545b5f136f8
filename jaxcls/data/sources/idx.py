"""IDX files, the format of MNIST (http://yann.lecun.com/exdb/mnist)."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from jaxcls.data.sources.base import Source
from jaxcls.download import Digest, fetch
from jaxcls.errors import UserError
from jaxcls.paths import expand


class IdxSource(Source):
    """Images and labels of two IDX files, held in memory; plain or gzip-compressed (`.gz`).

    Args:
        data_prefix: the folder with `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and the `t10k-` ones.
        test_mode: the 10,000 test images instead of the training ones.
        download: fetch what is missing there.

    Raises:
        UserError: a file is missing and cannot be fetched, or is damaged.
    """

    in_memory = True
    CLASSES: ClassVar[tuple[str, ...]]
    HOME: ClassVar[str]  # the published files' folder
    MD5: ClassVar[dict[str, str]]  # of the published files

    def __init__(self, data_prefix: str, test_mode: bool = False, download: bool = True) -> None:
        folder, part = expand(data_prefix), "t10k" if test_mode else "train"
        self.classes = self.CLASSES
        self._images = read_idx(self._find(folder, f"{part}-images-idx3-ubyte.gz", download), 3)[..., None]
        label_path = self._find(folder, f"{part}-labels-idx1-ubyte.gz", download)
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

    def _find(self, folder: Path, name: str, download: bool) -> Path:
        path = folder / name
        try:
            found = [candidate for candidate in (path.with_suffix(""), path) if candidate.is_file()]
        except OSError as error:
            raise UserError(f"{folder}: cannot be read: {error.strerror}") from error
        if found:
            return found[0]
        if not download:
            raise UserError(f"{path.with_suffix('')}: no such file, with or without .gz")
        fetch(self.HOME + name, path, Digest("md5", self.MD5[name]))
        return path


class MNIST(IdxSource):
    """Handwritten digits, (28, 28, 1)."""

    HOME = "https://ossci-datasets.s3.amazonaws.com/mnist/"
    MD5: ClassVar = {
        "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
    }
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

    HOME = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
    MD5: ClassVar = {
        "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
    }
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


class KMNIST(IdxSource):
    """Cursive Japanese characters, (28, 28, 1) (Clanuwat et al., https://arxiv.org/abs/1812.01718)."""

    HOME = "http://codh.rois.ac.jp/kmnist/dataset/kmnist/"
    MD5: ClassVar = {
        "train-images-idx3-ubyte.gz": "bdb82020997e1d708af4cf47b453dcf7",
        "train-labels-idx1-ubyte.gz": "e144d726b3acfaa3e44228e80efcd344",
        "t10k-images-idx3-ubyte.gz": "5c965bf0a639b31b8f53240b1b52f4d7",
        "t10k-labels-idx1-ubyte.gz": "7320c461ea6c1c855c0b718fb2a4b134",
    }
    CLASSES = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")


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
