"""How the config files of MMClassification 0.x inherit."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxcls.errors import UserError, close_names

BASE, DELETE = "_base_", "_delete_"


@dataclass(frozen=True)
class ConfigFile:
    """One file, and what it inherits.

    Attributes:
        path: absolute.
        own: what the file itself sets, key -> value.
        values: the same with all that it inherits.
        read: the names that the file reads, itself or of its bases.
        bases: in the order in which the file names them.
        deprecation: the file is an old name of its base: where the original says so, what it says.
    """

    path: Path
    own: dict[str, Any]
    values: dict[str, Any]
    read: frozenset[str]
    bases: tuple[ConfigFile, ...]
    deprecation: Mapping[str, str] | None = None

    @property
    def all_files(self) -> Iterator[ConfigFile]:
        """The file and all that it inherits from."""
        yield self
        for base in self.bases:
            yield from base.all_files


def together(bases: Sequence[ConfigFile], path: Path) -> dict[str, Any]:
    """All keys of the bases, which must not share any."""
    values: dict[str, Any] = {}
    for base in bases:
        if twice := sorted(values.keys() & base.values.keys()):
            files = [str(other.path) for other in bases if set(twice) & other.values.keys()]
            raise UserError(f"{path}: {BASE}: {', '.join(map(repr, twice))} in several bases: {', '.join(files)}")
        values |= base.values
    return values


def base_value(name: str, bases: Sequence[ConfigFile], path: Path) -> Any:
    """What `{{ _base_.name }}` stands for."""
    value: Any = together(bases, path)
    for i, key in enumerate(keys := name.split(".")):
        if not isinstance(value, Mapping) or key not in value:
            allowed = close_names(key, map(str, value)) if isinstance(value, Mapping) else f"that is {value!r}"
            where = ".".join((BASE, *keys[:i]))
            raise UserError(f"{path}: {{{{ {BASE}.{name} }}}}: {where} has no {key!r}; {allowed}")
        value = value[key]
    return copy.deepcopy(value)


def merge(own: Any, base: Mapping[str, Any], path: Path, where: str = "") -> dict[str, Any]:
    """The keys of both; dicts are merged in their turn, all else in `own` wins."""
    merged = dict(base)
    for key, value in own.items():
        place = f"{where}{key}"
        if not isinstance(value, Mapping) or key not in base or value.get(DELETE):
            merged[key] = _without_marks(value)
        elif isinstance(base[key], Mapping):
            merged[key] = merge({k: v for k, v in value.items() if k != DELETE}, base[key], path, f"{place}.")
        else:
            raise UserError(
                f"{path}: {place} is a dict, but its base has {base[key]!r} there; "
                f"{place} needs {DELETE}=True to replace that"
            )
    return merged


def _without_marks(node: Any) -> Any:
    """A copy without `_delete_`."""
    if isinstance(node, Mapping):
        return {key: _without_marks(value) for key, value in node.items() if key != DELETE}
    if isinstance(node, list | tuple):
        return type(node)(_without_marks(value) for value in node)
    return copy.deepcopy(node)
