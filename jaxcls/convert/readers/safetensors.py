"""The safetensors format: a JSON header of names, dtypes, shapes and places, then the values.

Read here rather than by the package of that name: NumPy's side of it knows neither bfloat16 nor 8-bit floats.
"""

from __future__ import annotations

import json
import struct
from typing import Any

from jaxcls.convert.readers.json_header import read_json
from jaxcls.convert.readers.tensor import DTYPES, Blob, File, Storage, Tensor
from jaxcls.errors import UserError

_HEADER = 2**23  # bytes: some 60,000 tensors
NAMES = {
    **{"BOOL": "bool", "U8": "uint8", "I8": "int8", "U16": "uint16", "I16": "int16", "U32": "uint32", "I32": "int32"},
    **{"U64": "uint64", "I64": "int64", "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64"},
    **{"F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu", "C64": "complex64"},
}


def is_safetensors(head: bytes) -> bool:
    """Whether a file that begins so is one."""
    return head[8:9] == b"{"


def read_safetensors(file: File) -> dict[str, Any]:
    """Name -> tensor, unread; where the header has our `meta`, both as in a checkpoint of the original.

    Raises:
        UserError: a header that does not describe the file.
    """
    with file.open() as stream:
        length = struct.unpack("<Q", stream.read(8))[0]
        if length > min(_HEADER, file.size - 8):
            raise UserError(f"its header claims {length} bytes; the file has {file.size}, and {_HEADER} are allowed")
        header = read_json(stream.read(length))
    if not isinstance(header, dict):
        raise UserError("its header is no JSON object")
    metadata = header.pop("__metadata__", None)
    _check_places(header, file.size - 8 - length)
    tensors = {name: _tensor(file, 8 + length, name, entry) for name, entry in header.items()}
    meta = _meta(metadata)
    return {"state_dict": tensors, "meta": meta} if meta else tensors


def _meta(metadata: Any) -> dict[str, Any] | None:
    try:
        meta = json.loads(metadata["meta"])
    except (TypeError, KeyError, ValueError, RecursionError):
        return None  # another's
    return meta if isinstance(meta, dict) else None


def _check_places(header: dict[str, Any], size: int) -> None:
    """The tensors lie one after the other and fill the file."""
    for name, entry in header.items():
        places = entry.get("data_offsets") if isinstance(entry, dict) else None
        if not isinstance(places, list) or [type(place) for place in places] != [int, int]:
            raise UserError(f"its header gives {name!r} no place")
    end, before = 0, "the header"
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        first, last = entry["data_offsets"]
        if first != end or last < first:
            raise UserError(f"its tensor {name!r} does not begin where {before!r} ends: they overlap, or leave a hole")
        end, before = last, name
    if end != size:
        raise UserError(f"its tensors take {end} bytes, but the file has {size} for them: cut off, or too long")


def _tensor(file: File, start: int, name: str, entry: dict[str, Any]) -> Tensor:
    dtype = DTYPES.get(NAMES.get(str(entry.get("dtype")), ""))
    if dtype is None:
        raise UserError(f"its tensor {name!r} has the dtype {entry.get('dtype')!r}; known are {', '.join(NAMES)}")
    first, last = entry["data_offsets"]
    blob = Blob(file, start + first, last - first)
    made = Tensor(Storage(blob, dtype, blob.nbytes // dtype.itemsize), entry.get("shape") or ())
    if made.nbytes != blob.nbytes:
        raise UserError(f"its tensor {name!r} of shape {made.shape} does not fill its {blob.nbytes} bytes")
    return made
