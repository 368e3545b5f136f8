"""PyTorch's checkpoints before 1.6: a few pickles, then the storages one after the other."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

from jaxcls.convert.readers.tensor import Blob, File, Storage
from jaxcls.convert.readers.torch_globals import ALLOWED, storage_dtype
from jaxcls.convert.readers.unpickle import Unpickler
from jaxcls.errors import UserError

_MAGIC, _VERSION = 0x1950A86A20F9469CFC6C, 1001


class _Storages:
    """The storages that a pickle names, whose places in the file are known after it."""

    def __init__(self, file: File) -> None:
        self._file, self._named = file, dict[str, tuple[Blob, Any]]()

    def __call__(self, identifier: Any) -> Storage:
        if type(identifier) is not tuple or len(identifier) != 6 or identifier[0] != "storage":
            raise UserError("its pickle has a persistent id that is no storage")
        _, kind, key, _, count, view = identifier
        dtype = storage_dtype(kind)
        if type(count) is not int or not 0 <= count * dtype.itemsize <= self._file.size:
            raise UserError(f"its storage {key!r} has {count!r} values, more than the file")
        blob, before = self._named.setdefault(key, (Blob(self._file, 0, count * dtype.itemsize), dtype))
        if (blob.nbytes, before) != (count * dtype.itemsize, dtype):
            raise UserError(f"its storage {key!r} is of two sizes or types")
        if view is None:
            return Storage(blob, dtype, count)
        _, first, length = view
        if not 0 <= first <= first + length <= count:
            raise UserError(f"its view of storage {key!r} reaches out of it")
        return Storage(blob, dtype, length, first)

    def place(self, stream: BinaryIO, keys: Any) -> None:
        """Reads where each storage begins."""
        if type(keys) is not list or sorted(map(str, keys)) != sorted(map(str, self._named)):
            raise UserError("its list of storages is not that of its tensors")
        for key in keys:
            blob, dtype = self._named[key]
            header = stream.read(8)
            if len(header) < 8 or stream.tell() + blob.nbytes > self._file.size:
                raise UserError(f"it ends before the values of storage {key!r}: cut off")
            if (count := struct.unpack("<q", header)[0]) * dtype.itemsize != blob.nbytes:
                raise UserError(f"its storage {key!r} has {count} values, expected {blob.nbytes // dtype.itemsize}")
            blob.start = stream.tell()
            stream.seek(blob.nbytes, 1)


def is_pickle_legacy(head: bytes) -> bool:
    """Whether a file that begins so is such a checkpoint: its first pickle is PyTorch's magic number."""
    return head[:1] == b"\x80" and _MAGIC.to_bytes(10, "little") in head[:32]


def read_pickle_legacy(file: File) -> Any:
    """What was saved, tensors unread.

    Raises:
        UserError: it is damaged, in another byte order, or asks for what is not allowed.
    """
    storages = _Storages(file)
    with file.open() as stream:
        magic, version, system = (Unpickler(stream, {}).load() for _ in range(3))
        if magic != _MAGIC or version != _VERSION:
            raise UserError(f"it is of version {version!r}; expected {_VERSION}")
        if type(system) is not dict or system.get("little_endian") is not True:
            raise UserError("its numbers are not little endian")
        saved = Unpickler(stream, ALLOWED, storages).load()
        storages.place(stream, Unpickler(stream, {}).load())
    return saved
