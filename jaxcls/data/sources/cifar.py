"""CIFAR-10 and CIFAR-100 (https://www.cs.toronto.edu/~kriz/cifar.html), from their archives as published."""

from __future__ import annotations

import hashlib
import io
import pickle
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from jaxcls.data.sources.base import Source
from jaxcls.download import Digest, fetch
from jaxcls.errors import UserError
from jaxcls.paths import expand

Read = Callable[[str], bytes]  # a file's name -> its content
PIXELS = 3 * 32 * 32
HOME = "https://www.cs.toronto.edu/~kriz/"


@dataclass(frozen=True)
class Edition:
    """One published form of a dataset: an archive and the folder in it."""

    folder: str
    archive: str
    md5: str  # of the archive
    train: tuple[str, ...]
    test: tuple[str, ...]
    parse: Callable[[bytes], tuple[np.ndarray, np.ndarray]]  # a file -> uint8 (n, 3072), int (n, superclass and class)
    names: Callable[[Read], list[Sequence[str]]]  # of the superclasses, where there are any, and of the classes


class CifarSource(Source):
    """Images uint8 (n, 32, 32, 3), held in memory.

    Args:
        data_prefix: the folder that holds one of the archives (`.tar.gz`) or the folder unpacked from it, or this
            folder itself; the Python edition or the binary one.
        test_mode: the 10,000 test images instead of the 50,000 training ones.
        check_md5: refuse an archive that is not the published one.
        download: fetch the Python edition's archive where no edition is there.

    Raises:
        UserError: no edition is there and none can be fetched, or a file of it is missing or damaged.
    """

    in_memory = True
    EDITIONS: ClassVar[tuple[Edition, ...]]

    def __init__(
        self, data_prefix: str, test_mode: bool = False, check_md5: bool = True, download: bool = True
    ) -> None:
        try:
            edition, read = _find(expand(data_prefix), self.EDITIONS, check_md5, download)
        except OSError as error:
            raise UserError(f"{expand(data_prefix)}: cannot be read: {error.strerror}") from error
        try:
            parts = [edition.parse(read(name)) for name in (edition.test if test_mode else edition.train)]
            *superclasses, classes = edition.names(read)
        except (OSError, KeyError, ValueError, IndexError, EOFError, pickle.UnpicklingError) as error:
            raise UserError(f"{data_prefix}: {edition.folder}: a file is missing or damaged: {error}") from error
        pixels = np.concatenate([images for images, _ in parts]).reshape(-1, 3, 32, 32)
        self._images = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))
        self._images.setflags(write=False)
        labels = np.concatenate([labels for _, labels in parts]).astype(np.int32)
        self.classes, self._labels = tuple(classes), labels[:, -1]
        # Of CIFAR-100; empty for CIFAR-10.
        self.superclasses: tuple[str, ...] = tuple(*superclasses)
        self.superclass_labels = labels[:, 0] if superclasses else np.empty(0, np.int32)

    @property
    def labels(self) -> np.ndarray:
        """int32 (n,)."""
        return self._labels

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"image": self._images[index], "label": int(self._labels[index])}


def _find(root: Path, editions: Sequence[Edition], check_md5: bool, download: bool) -> tuple[Edition, Read]:
    for edition in editions:
        for folder in (root / edition.folder, root):
            if (folder / edition.train[0]).is_file():
                return edition, lambda name, folder=folder: (folder / name).read_bytes()  # type: ignore[misc]
    for edition in editions:
        if (root / edition.archive).is_file():
            return edition, _unpack(root / edition.archive, edition, check_md5)
    expected = " or ".join(f"{edition.archive} (or the folder {edition.folder} from it)" for edition in editions)
    if not download:
        raise UserError(f"{root}: expected {expected} in this folder")
    archive = root / editions[0].archive
    try:
        fetch(HOME + editions[0].archive, archive, Digest("md5", editions[0].md5))
    except UserError as error:
        raise UserError(f"{root}: expected {expected} in this folder; {error}") from error
    return editions[0], _unpack(archive, editions[0], check_md5=False)  # `fetch` has done so


def _unpack(path: Path, edition: Edition, check_md5: bool) -> Read:
    data = path.read_bytes()
    if check_md5 and (md5 := hashlib.md5(data, usedforsecurity=False).hexdigest()) != edition.md5:
        raise UserError(f"{path}: its md5 is {md5}, but the published archive's is {edition.md5}: damaged, or another")
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            files = {
                Path(member.name).name: archive.extractfile(member).read()  # type: ignore[union-attr]
                for member in archive
                if member.isfile()
            }
    except (tarfile.TarError, OSError, EOFError) as error:
        raise UserError(f"{path}: cannot be unpacked: {error}") from error
    return files.__getitem__


class _Unpickler(pickle.Unpickler):
    """Lists, dicts and NumPy arrays, and nothing that could run code."""

    ALLOWED: ClassVar = {"_reconstruct", "ndarray", "dtype", "encode"}

    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] not in ("numpy", "_codecs") or name not in self.ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def _unpickle(data: bytes) -> dict[str, Any]:
    content = _Unpickler(io.BytesIO(data), encoding="latin1").load()
    if not isinstance(content, dict):
        raise ValueError("expected a pickled dict")
    return content


def _pickled(*labels: str) -> Callable[[bytes], tuple[np.ndarray, np.ndarray]]:
    def parse(data: bytes) -> tuple[np.ndarray, np.ndarray]:
        content = _unpickle(data)
        images = np.asarray(content["data"], np.uint8).reshape(-1, PIXELS)
        return images, np.stack([np.array(content[name]) for name in labels], axis=1)

    return parse


def _binary(label_bytes: int) -> Callable[[bytes], tuple[np.ndarray, np.ndarray]]:
    def parse(data: bytes) -> tuple[np.ndarray, np.ndarray]:
        records = np.frombuffer(data, np.uint8).reshape(-1, label_bytes + PIXELS)
        return records[:, label_bytes:], records[:, :label_bytes]

    return parse


def _pickled_names(file: str, *keys: str) -> Callable[[Read], list[Sequence[str]]]:
    return lambda read: [_unpickle(read(file))[key] for key in keys]


def _text_names(*files: str) -> Callable[[Read], list[Sequence[str]]]:
    return lambda read: [read(file).decode().split() for file in files]


class CIFAR10(CifarSource):
    """32 x 32 colour images of 10 classes."""

    EDITIONS = (
        Edition(
            "cifar-10-batches-py",
            "cifar-10-python.tar.gz",
            "c58f30108f718f92721af3b95e74349a",
            tuple(f"data_batch_{i}" for i in range(1, 6)),
            ("test_batch",),
            _pickled("labels"),
            _pickled_names("batches.meta", "label_names"),
        ),
        Edition(
            "cifar-10-batches-bin",
            "cifar-10-binary.tar.gz",
            "c32a1d4ab5d03f1284b67883e8d87530",
            tuple(f"data_batch_{i}.bin" for i in range(1, 6)),
            ("test_batch.bin",),
            _binary(1),
            _text_names("batches.meta.txt"),
        ),
    )


class CIFAR100(CifarSource):
    """32 x 32 colour images of 100 classes, the fine labels."""

    EDITIONS = (
        Edition(
            "cifar-100-python",
            "cifar-100-python.tar.gz",
            "eb9058c3a382ffc7106e4002c42a8d85",
            ("train",),
            ("test",),
            _pickled("coarse_labels", "fine_labels"),
            _pickled_names("meta", "coarse_label_names", "fine_label_names"),
        ),
        Edition(
            "cifar-100-binary",
            "cifar-100-binary.tar.gz",
            "03b5dce01913d631647c71ecec9e9cb8",
            ("train.bin",),
            ("test.bin",),
            _binary(2),
            _text_names("coarse_label_names.txt", "fine_label_names.txt"),
        ),
    )
