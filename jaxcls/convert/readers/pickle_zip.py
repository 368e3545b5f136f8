"""PyTorch's checkpoints since 1.6: a zip file of one pickle, and a member for each storage."""

from __future__ import annotations

import io
from typing import Any

from jaxcls.convert.readers.archive import Member
from jaxcls.convert.readers.tensor import Storage
from jaxcls.convert.readers.torch_globals import ALLOWED, storage_dtype
from jaxcls.convert.readers.unpickle import Unpickler
from jaxcls.errors import UserError

_PICKLE = "data.pkl"


def is_pickle_zip(members: dict[str, Member]) -> bool:
    """Whether an archive is PyTorch's."""
    return any(name.endswith(f"/{_PICKLE}") or name == _PICKLE for name in members)


def read_pickle_zip(members: dict[str, Member]) -> Any:
    """What was saved, tensors unread.

    Raises:
        UserError: it is damaged, in another byte order, a compiled model, or asks for what is not allowed.
    """
    root, pickle = _root(members)
    order = members.get(f"{root}byteorder")
    if order and order.read() != b"little":
        raise UserError(f"its numbers are {order.read()[:20]!r} endian; expected little")
    storages: dict[str, Storage] = {}

    def storage(identifier: Any) -> Storage:
        if type(identifier) is not tuple or len(identifier) != 5 or identifier[0] != "storage":
            raise UserError("its pickle has a persistent id that is no storage")
        _, kind, key, _, count = identifier
        dtype, name = storage_dtype(kind), f"{root}data/{key}"
        if name not in members:
            raise UserError(f"it lacks {name!r}, the values of a tensor")
        found = members[name]
        if found.compressed:
            raise UserError(f"its member {name!r} is compressed, which PyTorch never does")
        if type(count) is not int or found.nbytes != count * dtype.itemsize:
            raise UserError(f"its member {name!r} has {found.nbytes} bytes, expected {count} of {dtype.itemsize}")
        made = Storage(found.blob(), dtype, count)
        return storages.setdefault(f"{key} {dtype}", made)

    return Unpickler(io.BytesIO(pickle.read()), ALLOWED, storage).load()


def _root(members: dict[str, Member]) -> tuple[str, Member]:
    """The folder that all lies in, with a slash, and the pickle in it."""
    found = [member for name, member in members.items() if name.rpartition("/")[2] == _PICKLE]
    root = found[0].name.removesuffix(_PICKLE)
    if f"{root}constants.pkl" in members or any(name.startswith(f"{root}code/") for name in members):
        raise UserError("it is a compiled model (TorchScript), not weights; save the model's state_dict() instead")
    if len(found) > 1:
        raise UserError(f"it has {len(found)} pickles: {', '.join(member.name for member in found[:3])}")
    if found[0].compressed:
        raise UserError(f"its member {found[0].name!r} is compressed, which PyTorch never does")
    return root, found[0]
