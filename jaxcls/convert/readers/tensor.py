"""Tensors whose values stay in their file until they are asked for."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import ml_dtypes
import numpy as np

from jaxcls.errors import UserError

_BLOCK = 2**23  # bytes that one read takes, so that a tensor is never in memory twice
_REPEATED = 2**20  # values that a tensor may have beyond those its storage holds, as `torch.Tensor.expand` makes them

# The names of dtypes in PyTorch (torch.NAME); safetensors has others for them.
DTYPES: dict[str, np.dtype] = {
    **{
        name: np.dtype(name)
        for name in (
            *("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"),
            *("float16", "float32", "float64", "complex64", "complex128"),
        )
    },
    **{
        name: np.dtype(getattr(ml_dtypes, name))
        for name in (
            *("bfloat16", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu"),
        )
        if hasattr(ml_dtypes, name)
    },
}


class File:
    """A regular file that stays what it was when it was first looked at.

    Raises:
        UserError: there is none, or it is a folder, a device, a pipe or a link that leads nowhere.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)
        try:
            found = self.path.stat()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise UserError(f"{path} cannot be read: {reason}") from error
        if not stat.S_ISREG(found.st_mode):  # a pipe or a device could keep its reader waiting for ever
            what = "a folder" if stat.S_ISDIR(found.st_mode) else "a device, a pipe or a socket"
            raise UserError(f"{path} is {what}; expected a file")
        self.size, self._found = found.st_size, _identity(found)

    def open(self) -> BinaryIO:
        """The file, to be closed by the caller."""
        try:
            file = self.path.open("rb")
        except OSError as error:
            raise UserError(f"{self.path} cannot be read: {error.strerror}") from error
        if _identity(os.fstat(file.fileno())) != self._found:
            file.close()
            raise UserError(f"{self.path} has changed since it was opened")
        return file


def _identity(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


class Blob:
    """Bytes that lie side by side in a file.

    Attributes:
        file: for messages.
        start: the first one's place in what `open` gives.
        nbytes: how many there are.

    Args:
        stream: opens what `start` counts in; None: the file itself.
        verify: compares the bytes with their checksum; called before the first of them is read.
    """

    def __init__(
        self,
        file: File,
        start: int,
        nbytes: int,
        stream: Callable[[], BinaryIO] | None = None,
        verify: Callable[[], None] | None = None,
    ) -> None:
        self.file, self.start, self.nbytes = file, start, nbytes
        self._stream, self._verify = stream or file.open, verify

    def open(self) -> BinaryIO:
        """The stream in which `start` counts, to be closed by the caller."""
        if self._verify is not None:
            self._verify()
            self._verify = None
        return self._stream()


@dataclass(frozen=True)
class Storage:
    """Values of one type: a blob's, or `count` of them from the `first` on."""

    blob: Blob
    dtype: np.dtype
    count: int
    first: int = 0

    def read(self, stream: BinaryIO, first: int, count: int) -> np.ndarray:
        """(count,) values from `first` on."""
        values, itemsize = np.empty(count, self.dtype), self.dtype.itemsize
        stream.seek(self.blob.start + (self.first + first) * itemsize)
        buffer = values.view(np.uint8).data
        while len(buffer):
            length = stream.readinto(buffer)  # type: ignore[attr-defined]
            if not length:
                raise UserError(f"{self.blob.file.path} is damaged: it ends within a tensor")
            buffer = buffer[length:]
        return values


class Tensor:
    """A view of a storage; `numpy.asarray` reads it.

    Attributes:
        shape: sizes of the axes.
        dtype: of the values.

    Args:
        storage: what it is a view of.
        shape: sizes of the axes.
        strides: steps of the axes, in values; None: those of rows that lie side by side.
        offset: the first value's place in the storage.

    Raises:
        UserError: a view that is not within its storage, or that repeats it out of proportion.
    """

    def __init__(
        self, storage: Storage, shape: Sequence[int], strides: Sequence[int] | None = None, offset: int = 0
    ) -> None:
        shape = tuple(shape)
        strides = _row_major(shape) if strides is None else tuple(strides)
        whole = all(type(number) is int and number >= 0 for number in (*shape, *strides, offset))
        if not whole or len(shape) != len(strides) or len(shape) > 32:
            raise UserError(
                f"a tensor of shape {_brief(shape)} with strides {_brief(strides)} from {offset!r} cannot be"
            )
        if math.prod(max(size, 1) for size in shape) > max(storage.count, _REPEATED):
            raise UserError(f"a tensor of shape {_brief(shape)} is larger than its storage of {storage.count} values")
        last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        if 0 not in shape and last >= storage.count:
            raise UserError(
                f"a tensor of shape {_brief(shape)} with strides {_brief(strides)} from {offset} reaches out of its "
                f"storage of {storage.count} values"
            )
        self.shape, self.dtype = shape, storage.dtype
        self._storage, self._strides, self._offset = storage, strides, offset

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of its values."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __repr__(self) -> str:
        return f"Tensor({self.shape}, {self.dtype})"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        values = np.empty(self.shape, dtype or self.dtype)
        self.copy_into(values)
        return values

    def copy_into(self, out: np.ndarray) -> None:
        """Fills `out`, of the same shape and any strides and dtype, block by block."""
        if 0 not in self.shape:
            with self._storage.blob.open() as stream:
                self._fill(stream, out, self._offset, self._strides)

    def _fill(self, stream: BinaryIO, out: np.ndarray, offset: int, strides: tuple[int, ...]) -> None:
        reaches = [(size - 1) * stride for size, stride in zip(out.shape, strides, strict=True)]
        span, itemsize = sum(reaches) + 1, self.dtype.itemsize
        if span * itemsize <= _BLOCK:
            values = self._storage.read(stream, offset, span)
            out[...] = np.ndarray(out.shape, self.dtype, values, strides=[stride * itemsize for stride in strides])
            return
        axis = reaches.index(max(reaches))
        half, before = out.shape[axis] // 2, (slice(None),) * axis
        self._fill(stream, out[(*before, slice(half))], offset, strides)
        self._fill(stream, out[(*before, slice(half, None))], offset + half * strides[axis], strides)


def _row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def _brief(numbers: Any) -> str:
    text = repr(numbers)
    return text if len(text) <= 80 else f"{text[:77]}..."
