"""NumPy's archives of arrays, as google's Vision Transformers and Mixers come."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np

from jaxcls.convert.readers.archive import Member
from jaxcls.convert.readers.tensor import Storage, Tensor
from jaxcls.errors import UserError


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
        try:
            major, _ = np.lib.format.read_magic(stream)
            read = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}[major]
            shape, by_columns, dtype = read(stream)
        except (ValueError, KeyError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
            raise UserError(f"its member {member.name!r} is no array of NumPy's ({str(error)[:80]})") from error
        start = stream.tell() - (0 if member.compressed else member.start)
    if dtype == np.dtype("V2"):
        dtype = np.dtype(ml_dtypes.bfloat16)  # NumPy knows no better name for it when it writes
    if dtype.kind not in "biufcV" or dtype.names or dtype.byteorder == ">" or (dtype.kind == "V" and dtype.num < 256):
        raise UserError(f"its array {member.name!r} has the dtype {dtype}; expected numbers, little endian")
    blob = member.blob(start)
    if math.prod(shape) * dtype.itemsize != blob.nbytes:
        raise UserError(f"its array {member.name!r} of shape {str(shape)[:80]} does not fill its {blob.nbytes} bytes")
    strides = tuple(math.prod(shape[:axis]) for axis in range(len(shape))) if by_columns else None
    return Tensor(Storage(blob, dtype, blob.nbytes // dtype.itemsize), shape, strides)
