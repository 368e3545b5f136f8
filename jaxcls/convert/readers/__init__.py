"""Files of weights, read without PyTorch: what was saved comes back with its tensors unread.

    .pth, .pt, .bin    PyTorch's, as a zip file (pickle_zip) and as it was before 1.6 (pickle_legacy)
    .safetensors       safetensors
    .npz               npz
    .index.json        sharded, an index of several of these

What a file is shows in its first bytes; its name does not matter.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from jaxcls.convert.readers.archive import read_archive
from jaxcls.convert.readers.npz import is_npz, read_npz
from jaxcls.convert.readers.pickle_legacy import is_pickle_legacy, read_pickle_legacy
from jaxcls.convert.readers.pickle_zip import is_pickle_zip, read_pickle_zip
from jaxcls.convert.readers.safetensors import is_safetensors, read_safetensors
from jaxcls.convert.readers.sharded import is_index, read_sharded
from jaxcls.convert.readers.tensor import File, Tensor
from jaxcls.errors import UserError

__all__ = ["Tensor", "read_file"]

_FORMATS = ".pth or .pt of PyTorch, .safetensors, .npz, or an index of these (.index.json)"
_OTHERS = {
    b"\x89HDF": "HDF5 (Keras)",
    b"\x80": "a pickle, but not PyTorch's",
    b"<": "a web page",
    b"\x1f\x8b": "gzip",
}


def read_file(path: str | os.PathLike, shard: bool = False) -> Any:
    """What a file of weights holds: nested dicts, lists, tuples, numbers, texts, arrays, and `Tensor`s that are unread.

    Args:
        path: of the file.
        shard: it is named by an index, and so is none itself.

    Raises:
        UserError: it is no such file, damaged, or asks for more than arrays and plain containers.
    """
    file = File(path)
    try:
        return _read(file, shard)
    except UserError as error:
        if str(file.path) in str(error):
            raise
        raise UserError(f"{path} cannot be read: {error}") from error
    except Exception as error:  # damage shows in as many ways as there are files
        raise UserError(f"{path} is damaged ({type(error).__name__}: {str(error)[:80]})") from error


def _read(file: File, shard: bool = False) -> Any:
    with file.open() as stream:
        head = stream.read(512)
    if head[:2] == b"PK":
        members = read_archive(file)
        if is_pickle_zip(members):
            return read_pickle_zip(members)
        if is_npz(members):
            return read_npz(members)
        raise UserError(f"it is a zip file, but neither PyTorch's nor NumPy's; expected {_FORMATS}")
    if is_pickle_legacy(head):
        return read_pickle_legacy(file)
    if is_index(head, file.size):
        if shard:
            raise UserError("it is an index, named by another one")
        return read_sharded(file, _read_shard)
    if is_safetensors(head):
        return read_safetensors(file)
    raise UserError(f"{_kind(head)}; expected {_FORMATS}")


def _read_shard(path: Path) -> dict[str, Tensor]:
    found = read_file(path, shard=True)
    if not isinstance(found, dict):
        raise UserError(f"{path} holds no tensors by their names")
    return found


def _kind(head: bytes) -> str:
    if not head:
        return "it is empty"
    if head[257:262] == b"ustar":
        return "it is a tar file, as PyTorch wrote before 0.1.10: load and save it with a PyTorch of today"
    known = [name for start, name in _OTHERS.items() if head.startswith(start)]
    return f"it is {known[0]}" if known else "it is of no known format"
