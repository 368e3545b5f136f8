"""NumPy's archives of arrays, as google's Vision Transformers and Mixers come."""

from __future__ import annotations

import ast
import math
import struct
from typing import Any, BinaryIO

import ml_dtypes
import numpy as np

from jaxcls.convert.readers.archive import Member
from jaxcls.convert.readers.tensor import Storage, Tensor
from jaxcls.errors import UserError

_HEADER = 10_000  # bytes, NumPy's own limit


def is_npz(members: dict[str, Member]) -> bool:
    """Whether an archive is NumPy's."""
    return bool(members) and all(name.endswith(".npy") for name in members)


def read_npz(members: dict[str, Member]) -> dict[str, Any]:
    """Name -> tensor, unread.

    Raises:
        UserError: an array of Python objects or records, or one that does not fill its member.
    """
    return {name.removesuffix(".npy"): _tensor(member) for name, member in members.items()}


def _tensor(member: Member) -> Tensor:
    with member.open() as stream:
        start, header = _header(member, stream)
    try:
        fields = ast.literal_eval(header.decode("latin-1").strip())
        shape, by_columns, dtype = fields["shape"], fields["fortran_order"], np.dtype(fields["descr"])
        size = math.prod(shape) * dtype.itemsize
    except (ValueError, KeyError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise UserError(f"its member {member.name!r} is no array of NumPy's ({str(error)[:80]})") from error
    if dtype == np.dtype("V2"):
        dtype = np.dtype(ml_dtypes.bfloat16)  # NumPy knows no better name for it when it writes
    if dtype.kind not in "biufcV" or dtype.names or dtype.byteorder == ">" or (dtype.kind == "V" and dtype.num < 256):
        raise UserError(f"its array {member.name!r} has the dtype {dtype}; expected numbers, little endian")
    blob = member.blob(start)
    if size != blob.nbytes:
        raise UserError(f"its array {member.name!r} of shape {str(shape)[:80]} does not fill its {blob.nbytes} bytes")
    strides = tuple(math.prod(shape[:axis]) for axis in range(len(shape))) if by_columns else None
    return Tensor(Storage(blob, dtype, blob.nbytes // dtype.itemsize), shape, strides)


def _header(member: Member, stream: BinaryIO) -> tuple[int, bytes]:
    """(where the values begin in the member, what describes them)."""
    begin = stream.read(12)
    form = {1: "<H", 2: "<I"}.get(begin[6] if len(begin) == 12 else 0)
    if begin[:6] != b"\x93NUMPY" or form is None:
        raise UserError(f"its member {member.name!r} is no array of NumPy's, or of a form for records")
    start = 8 + struct.calcsize(form)
    length = struct.unpack_from(form, begin, 8)[0]
    if length > _HEADER:
        raise UserError(f"its member {member.name!r} has a header of {length} bytes; at most {_HEADER} are allowed")
    return start + length, (begin[start:] + stream.read(start + length - 12))[:length]
