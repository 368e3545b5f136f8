"""Weights spread over several files, and the JSON index that says which tensor is in which."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxcls.convert.readers.json_header import read_json
from jaxcls.convert.readers.tensor import File
from jaxcls.errors import UserError

_INDEX = 2**23  # bytes


def is_index(head: bytes, size: int) -> bool:
    """Whether a file of `size` bytes that begins so may be one, and not safetensors, which begins with a length."""
    return head.lstrip()[:1] == b"{" and int.from_bytes(head[:8], "little") > size


def read_sharded(file: File, read: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """Name -> tensor of all the files, unread.

    Args:
        file: the index.
        read: path -> name -> tensor of one of the files.

    Raises:
        UserError: no index, files that are not beside it, or tensors that are not where it says.
    """
    places = _weight_map(file)
    folder = file.path.parent
    homes = {folder.resolve(), file.path.resolve().parent}  # the second where a cache keeps links to its files
    shards, problems = {}, []
    for name in sorted(set(places.values())):
        path = folder / name
        if Path(name).name != name or name in ("", ".", ".."):
            raise UserError(f"it names the file {name!r}; expected one beside it")
        if not path.exists():
            problems.append(f"{name} is not there")
        elif path.resolve().parent not in homes:
            raise UserError(f"its file {name!r} is a link to another folder")
        else:
            shards[name] = read(path)
    problems += [f"{name} is not in {place}" for name, place in places.items() if name not in shards.get(place, {name})]
    extra = [f"{name} of {place}" for place, shard in shards.items() for name in shard if places.get(name) != place]
    problems += [f"{name} is not in the index" for name in extra]
    if problems:
        raise UserError(f"it does not fit its files, {len(problems)} problems: {'; '.join(problems)}")
    return {name: shards[place][name] for name, place in places.items()}


def _weight_map(file: File) -> dict[str, str]:
    if file.size > _INDEX:
        raise UserError(f"it has {file.size} bytes; an index of weights has at most {_INDEX}")
    index = read_json(file.path.read_bytes())
    places = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(places, dict) or not all(isinstance(place, str) for place in places.values()):
        raise UserError("it has no weight_map of names and files, as an index of weights has")
    return places
