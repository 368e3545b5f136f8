"""Whose names a state dict has, and the same values under the original's names."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from flax import linen as nn

from jaxcls.convert.built_with import Built, differences
from jaxcls.convert.layouts import Layout
from jaxcls.convert.names import tables_of
from jaxcls.convert.renaming import Found, Row, Table
from jaxcls.errors import UserError, close_names

_log = logging.getLogger("jaxcls")
_ORIGINAL = "MMClassification"
# What wrappers and training scripts put before all names.
_PREFIXES = ("module.", "_orig_mod.", "model.", "backbone.", "encoder.")
# Buffers: how many batches a BatchNorm has seen, which nothing reads, and what is computed from a window's or an
# image's size.
IGNORED = (
    "num_batches_tracked",
    "relative_position_index",
    "relative_coords_table",
    "attention_bias_idxs",
    "attn_mask",
    "position_ids",
)

# A part of a name -> whose networks have it, of which there is none here.
_NOT_HERE = {
    "standardized_conv2d": "google's BiT (ResNetV2 with group norms and standardised kernels)",
    "bit.embedder": "transformers' BiT (ResNetV2 with group norms and standardised kernels)",
    "conv_root": "google's hybrids of ResNet and Vision Transformer",
}

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Renamed:
    """A state dict under the original's names.

    Attributes:
        source: whose names it had, and the prefix that was taken off, for the log.
        values: name -> array, or what `numpy.asarray` reads when it is asked to; names that no row knows are kept.
        problems: names that stand for the same.
    """

    source: str
    values: dict[str, Any]
    problems: list[str]


class _Read:
    """Values that are put together from others when they are asked for."""

    def __init__(self, parts: Sequence[Any], together: Callable[[list[np.ndarray]], np.ndarray]) -> None:
        self._parts, self._together = parts, together

    @property
    def shape(self) -> tuple[int, ...]:
        """What it will have."""
        return self._together([np.broadcast_to(np.int8(0), np.shape(part)) for part in self._parts]).shape

    @property
    def dtype(self) -> np.dtype:
        """What it will have."""
        return np.result_type(*(part.dtype for part in self._parts))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self._together([np.asarray(part) for part in self._parts]), dtype)


def rename(classifier: nn.Module, state_dict: Mapping[str, Any], shapes: Shapes, part: str = "backbone") -> Renamed:
    """Recognises the source by its names, and warns where its networks are built otherwise than the classifier's.

    Args:
        classifier: whose backbone's tables are tried, the original's names first.
        state_dict: name -> array.
        shapes: the classifier's parameters, as the original names them, with the shapes that they have there.
        part: what it may be alone, without the part's name.

    Raises:
        UserError: the names are of networks that there are none of here.
    """
    for mark, networks in _NOT_HERE.items():
        if any(mark in name for name in state_dict):
            raise UserError(f"these are weights of {networks}, which no backbone here is")
    values = {name: value for name, value in state_dict.items() if not name.endswith(IGNORED)}
    original = Table((_ORIGINAL,), {"": ""}, base=f"{part}.")
    dotted = [name.replace("/", ".") for name in values]  # google's are paths
    spellings = _spellings(dotted if len(set(dotted)) == len(values) else list(values))
    tried = [
        _Attempt(table, prefix, names, shapes)
        for prefix, spelled in spellings
        for table in (original, *_tables_for(classifier, shapes))
        for names in _with_base(table, spelled)
    ]
    best = max(tried, key=lambda attempt: attempt.score)
    for text in differences(classifier.backbone, best.built) if best.built else ():
        _log.warning("%s: networks of that source are built otherwise; %s", best.source, text)
    return best.rename(dict(zip(best.names, values.items(), strict=True)))


def rename_back(classifier: nn.Module, state_dict: Mapping[str, np.ndarray], source: str) -> dict[str, np.ndarray]:
    """A state dict with a source's names and layouts.

    Args:
        classifier: whose backbone's tables know the source.
        state_dict: as `export_state_dict` gives it.
        source: one of the tables', or `mmcls`, which changes nothing.

    Raises:
        UserError: an unknown source, or parameters that it has no names for, all of them.
    """
    if source == "mmcls":
        return dict(state_dict)
    tables = _tables_for(classifier, {name: np.shape(value) for name, value in state_dict.items()})
    fitting = [table for table in tables if source in table.sources]
    if not fitting:
        known = {"mmcls", *(name for table in tables for name in table.sources)}
        raise UserError(
            f"{type(classifier.backbone).__name__} has no names of {source!r}; {close_names(source, known)}"
        )
    read = [{name: _written(table, name) for name in state_dict} for table in fitting]
    found = min(read, key=lambda names: sum(row is None for row in names.values()))
    if lacking := [name for name, row in found.items() if row is None]:
        raise UserError(f"{source} has no names for {', '.join(lacking)}")
    return _named_back(state_dict, {name: row for name, row in found.items() if row is not None})


def _written(table: Table, name: str) -> Found | None:
    found = table.find_back(name)
    return found if found and (found.row.layout is None or found.row.layout.write) else None


def _named_back(state_dict: Mapping[str, np.ndarray], found: Mapping[str, Found]) -> dict[str, np.ndarray]:
    parts: dict[tuple[str, ...], dict[int, np.ndarray]] = {}
    for name, (_, place, names) in found.items():
        parts.setdefault(names, {})[place] = state_dict[name]
    layouts = {names: row.layout or Layout() for row, _, names in found.values()}
    made = dict[str, np.ndarray]()
    for names, values in parts.items():
        whole = np.concatenate([values[place] for place in sorted(values)]) if len(values) > 1 else values[0]
        layout = layouts[names]
        whole = layout.write(whole) if layout.write else whole
        ends = np.cumsum(layout.shares or (1,) * len(names))
        pieces = np.split(whole, ends[:-1] * len(whole) // ends[-1]) if len(names) > 1 else [whole]
        made.update({name: np.asarray(piece, order="C") for name, piece in zip(names, pieces, strict=True)})
    return made


def _tables_for(classifier: nn.Module, shapes: Shapes) -> list[Table]:
    return [table for table in tables_of(classifier) if not table.mark or table.mark in shapes]


def _spellings(names: list[str]) -> list[tuple[str, list[str]]]:
    """(prefix taken off, names), all that there may be."""
    spellings = [("", names)]
    for taken, current in spellings:  # which grows on the way
        for prefix in _PREFIXES:
            having = sum(name.startswith(prefix) for name in current)
            shorter = [name.removeprefix(prefix) for name in current]
            if 2 * having > len(current) and len(set(shorter)) == len(current):
                spellings.append((taken + prefix, shorter))
    return spellings


def _with_base(table: Table, names: list[str]) -> list[list[str]]:
    alone = table.base and not any(name.startswith(table.base) for name in names)
    return [names, [table.base + name for name in names]] if alone else [names]


class _Attempt:
    """A state dict's names read by one table."""

    def __init__(self, table: Table, prefix: str, names: list[str], shapes: Shapes) -> None:
        self._table, self._prefix, self.names, self._shapes = table, prefix, names, shapes
        rows = [(name, found) for name, found in zip(names, map(table.find, names), strict=True) if found]
        simple = [(name, found.names[0]) for name, found in rows if len(found.names) == len(found.row.sources) == 1]
        self._elsewhere = dict(simple)  # what the model may lack
        dropped = {name for name, found in rows if not found.names}
        known = {name: found for name, found in rows if found.names and shapes.keys() >= set(found.names)}
        covered = {target for found in known.values() for target in found.names}
        self._known, self._dropped = known, dropped
        self.score = len(covered) - (len(names) - len(known) - len(dropped))

    def rename(self, values: Mapping[str, tuple[str, Any]]) -> Renamed:
        """The values under the original's names; `values` is spelling -> (name, value)."""
        pieces: dict[tuple[str, ...], dict[int, str]] = {}
        rows: dict[tuple[str, ...], Row] = {}
        problems, made = [], {}
        for spelling, found in self._known.items():
            places = pieces.setdefault(found.names, {})
            if found.place in places:
                first, second = values[places[found.place]][0], values[spelling][0]
                problems.append(f"{first} and {second} both stand for {', '.join(found.names)}")
            places[found.place], rows[found.names] = spelling, found.row
        left = [name for name in self.names if name not in self._known and name not in self._dropped]
        for targets, places in pieces.items():
            if len(places) == len(rows[targets].sources):
                parts = [values[places[place]][1] for place in sorted(places)]
                made.update(self._values(rows[targets], targets, parts))
            else:
                left += places.values()
        unknown = {self._elsewhere.get(spelling, values[spelling][0]): values[spelling][1] for spelling in left}
        problems += [f"{name} is there beside what stands for it" for name in unknown.keys() & made.keys()]
        return Renamed(self.source, {**unknown, **made}, problems)

    @property
    def built(self) -> tuple[Built, ...]:
        """How the source's networks are built; nothing where no name fits."""
        return self._table.built if self.score > 0 else ()

    @property
    def source(self) -> str:
        """Whose names these are, and the prefix that was taken off."""
        names = " or ".join(self._table.sources)
        return f"{names}'s names" + (f" after {self._prefix!r}" if self._prefix else "")

    def _values(self, row: Row, targets: tuple[str, ...], parts: list[Any]) -> dict[str, Any]:
        if row.layout is None and len(parts) == len(targets) == 1:
            return {targets[0]: parts[0]}
        layout = row.layout or Layout()

        def together(arrays: list[np.ndarray]) -> np.ndarray:
            read = [layout.read(array) for array in arrays]
            return layout.together(np.concatenate(read) if len(read) > 1 else read[0])

        if len(targets) == 1:
            return {targets[0]: _Read(parts, together)}
        ends = np.cumsum([self._shapes[target][0] for target in targets])
        pieces = [slice(end - self._shapes[target][0], end) for target, end in zip(targets, ends, strict=True)]
        return {target: _Read(parts, _piece(together, piece)) for target, piece in zip(targets, pieces, strict=True)}


def _piece(whole: Callable[[list[np.ndarray]], np.ndarray], piece: slice) -> Callable[[list[np.ndarray]], np.ndarray]:
    return lambda arrays: whole(arrays)[piece]
