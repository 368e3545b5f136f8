"""Files of weights, written without PyTorch: .pth as its zip form, and .safetensors.

A .pth holds `{"state_dict": …, "meta": …}`, as the original's do; `torch.load(weights_only=True)` and MMCV's
`load_checkpoint` read it. A .safetensors holds the tensors, and `meta` as JSON among its metadata.
"""

from __future__ import annotations

import json
import os
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from jaxcls.convert.readers.safetensors import NAMES
from jaxcls.convert.readers.torch_globals import STORAGES
from jaxcls.errors import UserError
from jaxcls.paths import expand

_LARGE = 2**31  # bytes from which on a member needs a 64-bit size
_ALIGNMENT = 64  # bytes, PyTorch's, so that files can be mapped into memory
_STORAGES = {dtype: name for name, dtype in STORAGES.items()}
_SAFETENSORS = {dtype: name for name, dtype in NAMES.items()}

Arrays = Mapping[str, np.ndarray]


def write_file(path: str | os.PathLike, state_dict: Arrays, meta: Mapping[str, Any]) -> Path:
    """Writes weights in the format of the path's suffix; the file is there whole, or not at all.

    Args:
        path: .pth, .pt or .safetensors.
        state_dict: name -> array.
        meta: texts, numbers, lists and dicts.

    Returns:
        the path, absolute.

    Raises:
        UserError: another suffix, or a file that cannot be written.
    """
    path, formats = expand(path), {".pth": _write_pth, ".pt": _write_pth, ".safetensors": _write_safetensors}
    if path.suffix not in formats:
        raise UserError(f"{path}: a file of weights ends with {', '.join(formats)}")
    try:
        with _replacing(path) as file:
            formats[path.suffix](file, state_dict, meta)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from error
    return path


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with partial.open("wb") as file:
            yield file
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _write_safetensors(file: BinaryIO, state_dict: Arrays, meta: Mapping[str, Any]) -> None:
    arrays = {name: np.asarray(value, order="C") for name, value in state_dict.items()}
    header: dict[str, Any] = {"__metadata__": {"format": "pt", "meta": json.dumps(meta)}}
    end = 0
    for name, value in arrays.items():
        start, end = end, end + value.nbytes
        header[name] = {
            "dtype": _named(_SAFETENSORS, name, value),
            "shape": value.shape,
            "data_offsets": (start, end),
        }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write(struct.pack("<Q", len(text)) + text)
    for value in arrays.values():
        file.write(value.reshape(-1).view(np.uint8).data)


def _named(names: Mapping[str, str], name: str, value: np.ndarray) -> str:
    if value.dtype.name not in names:
        raise UserError(f"{name} is {value.dtype}; a file of weights can hold {', '.join(names)}")
    return names[value.dtype.name]


def _write_pth(file: BinaryIO, state_dict: Arrays, meta: Mapping[str, Any]) -> None:
    arrays = {name: np.asarray(value, order="C") for name, value in state_dict.items()}
    pickle = _Pickle()
    pickle.mapping({"meta": meta, "state_dict": arrays})
    with zipfile.ZipFile(file, "w") as archive:
        _add(archive, file, "data.pkl", pickle.finished())
        _add(archive, file, "byteorder", b"little")
        for number, value in enumerate(arrays.values()):
            _add(archive, file, f"data/{number}", value.reshape(-1).view(np.uint8).data)
        _add(archive, file, "version", b"3\n")


def _add(archive: zipfile.ZipFile, file: BinaryIO, name: str, content: Any) -> None:
    """A member whose content begins at a multiple of the alignment, by a field that readers pass over."""
    info = zipfile.ZipInfo(f"archive/{name}", (1980, 1, 1, 0, 0, 0))
    large = len(content) >= _LARGE
    before = file.tell() + 30 + len(info.filename) + (20 if large else 0)
    info.extra = struct.pack("<2sH", b"FB", padding := -(before + 4) % _ALIGNMENT) + bytes(padding)
    with archive.open(info, "w", force_zip64=large) as member:
        member.write(content)


class _Pickle:
    """The pickle of plain containers and arrays, each array's storage numbered in the order in which it comes."""

    def __init__(self) -> None:
        self._parts, self._storages = [b"\x80\x02"], 0

    def finished(self) -> bytes:
        """All that was given."""
        return b"".join((*self._parts, b"."))

    def mapping(self, values: Mapping[str, Any]) -> None:
        self._parts.append(b"}(")
        for key, value in values.items():
            self._value(key)
            self._value(value)
        self._parts.append(b"u")

    def _value(self, value: Any) -> None:
        for kind, write in self._kinds:
            if isinstance(value, kind):
                write(self, value)
                return
        raise UserError(f"meta has a value of type {type(value).__name__}; expected texts, numbers, lists and dicts")

    def _none(self, value: None) -> None:
        self._parts.append(b"N")

    def _bool(self, value: bool) -> None:
        self._parts.append(b"\x88" if value else b"\x89")

    def _int(self, value: int) -> None:
        digits = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        self._parts.append(struct.pack("<cB", b"\x8a", len(digits)) + digits)

    def _float(self, value: float) -> None:
        self._parts.append(struct.pack(">cd", b"G", value))

    def _text(self, value: str) -> None:
        encoded = value.encode()
        self._parts.append(struct.pack("<cI", b"X", len(encoded)) + encoded)

    def _sequence(self, values: list[Any] | tuple[Any, ...]) -> None:
        self._parts.append(b"](" if isinstance(values, list) else b"(")
        for value in values:
            self._value(value)
        self._parts.append(b"e" if isinstance(values, list) else b"t")

    def _array(self, value: np.ndarray) -> None:
        strides = tuple(stride // value.itemsize for stride in value.strides)
        kind = _named(_STORAGES, f"array {self._storages}", value)
        self._parts.append(b"ctorch._utils\n_rebuild_tensor_v2\n((")
        self._text("storage")
        self._parts.append(f"ctorch\n{kind}Storage\n".encode())
        self._text(str(self._storages))
        self._text("cpu")
        self._int(value.size)
        self._parts.append(b"tQ")
        self._int(0)
        self._sequence(value.shape)
        self._sequence(strides)
        self._parts.append(b"\x89ccollections\nOrderedDict\n)RtR")
        self._storages += 1

    _kinds: tuple[tuple[Any, Callable[..., None]], ...] = (
        (type(None), _none),
        (bool, _bool),
        (int, _int),
        (float, _float),
        (str, _text),
        (list | tuple, _sequence),
        (Mapping, mapping),
        (np.ndarray, _array),
    )
