"""The names of other sources' parameters <-> those of the original, by a table of rows.

A row is `source: target`. Each side is the beginning of a name, up to a dot or its end; what follows is carried over.
`{i}` stands for a number, the same on both sides, and `{i+1}` for one more::

    "blocks.{i}.norm1": "backbone.layers.{i}.ln1"
    "stage{i+2}.{j}": "backbone.layers.{i}.{j}"

The first row that fits counts. A source may be a tuple of names, whose values follow each other along the first axis
(query, key and value are one projection in the original); a target may be one, too, among whose names the values are
divided. `As(target, layout)` says that the values lie otherwise at the source, and None that they are not needed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from jaxcls.convert.built_with import Built
from jaxcls.convert.layouts import Layout

Names = str | tuple[str, ...]


class As(NamedTuple):
    """A target whose values lie otherwise at the source."""

    target: Names
    layout: Layout


Rows = Mapping[Names, Names | As | None]


@dataclass(frozen=True)
class Row:
    """A row of a table, in full."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    layout: Layout | None


class Found(NamedTuple):
    """What a name stands for.

    Attributes:
        row: its row.
        place: its place among the row's names of that side.
        names: the names of the other side, in full.
    """

    row: Row
    place: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """The rows of a family and a source.

    Attributes:
        sources: whose names these are, for the log and for `--to`.
        rows: source -> target.
        base: what the backbone's names begin with; a backbone saved alone may lack it.
        mark: a parameter that the model has to have, where two tables of a source would fit.
        built: the ways in which the source's networks are built, where the names do not tell: keys of a backbone's
            config and their values (`jaxcls.convert.built_with`).
    """

    sources: tuple[str, ...]
    rows: Rows
    base: str = ""
    mark: str = ""
    built: tuple[Built, ...] = ()

    @cached_property
    def _rows(self) -> list[Row]:
        made = []
        for sources, target in self.rows.items():
            targets, layout = target if isinstance(target, As) else (target, None)
            made.append(Row(_tuple(sources), () if targets is None else _tuple(targets), layout))
        return made

    @cached_property
    def _by_source(self) -> _Index:
        return _Index([(row, row.sources, row.targets) for row in self._rows])

    @cached_property
    def _by_target(self) -> _Index:
        return _Index([(row, row.targets, row.sources) for row in self._rows])

    def find(self, name: str) -> Found | None:
        """What a source's name stands for; None where the table does not know it."""
        return self._by_source.find(name)

    def find_back(self, name: str) -> Found | None:
        """The source's names for one of the original's; None where the table does not know it."""
        return self._by_target.find(name)


def _tuple(names: Names) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else names


# A number, and how much more than it stands there.
_NUMBER = re.compile(r"\{(\w)(?:\+(\d))?\}")


class _Index:
    """One side of a table's rows: beginnings without numbers by themselves, the others as one pattern."""

    def __init__(self, rows: list[tuple[Row, tuple[str, ...], tuple[str, ...]]]) -> None:
        named = [(beginning, row, i, others) for row, own, others in rows for i, beginning in enumerate(own)]
        self._entries = [(row, place, others) for _, row, place, others in named]
        beginnings = [beginning for beginning, *_ in named]
        self._plain = {text: i for i, text in reversed([*enumerate(beginnings)]) if "{" not in text}
        patterns = [_pattern(text, f"row{i}") for i, text in enumerate(beginnings) if "{" in text]
        self._numbered = re.compile("|".join(patterns)) if patterns else None

    def find(self, name: str) -> Found | None:
        """The first row whose beginning the name has."""
        fitting: list[tuple[int, int, dict[str, int]]] = [
            (self._plain[text], len(text), {}) for text in _beginnings(name) if text in self._plain
        ]
        if self._numbered and (match := self._numbered.match(name)):
            numbers = dict(_number(key, text) for key, text in match.groupdict().items() if text and "_" in key)
            fitting.append((int(str(match.lastgroup).removeprefix("row")), match.end(), numbers))
        if not fitting:
            return None
        first, end, numbers = min(fitting, key=lambda found: found[0])
        row, place, others = self._entries[first]
        rest = name[end:] if end else f".{name}"
        return Found(row, place, tuple((_numbered(other, numbers) + rest).lstrip(".") for other in others))


def _beginnings(name: str) -> list[str]:
    """All that a name begins with, up to a dot or its end."""
    ends = [i for i, letter in enumerate(name) if letter == "."]
    return ["", *(name[:end] for end in ends), name]


def _pattern(beginning: str, key: str) -> str:
    """A regular expression for names that begin so, its numbers as groups `key_i`, or `key_1_i` for `{i+1}`."""
    parts, end = list[str](), 0
    for found in _NUMBER.finditer(beginning):
        group = f"{key}_{found[2]}_{found[1]}" if found[2] else f"{key}_{found[1]}"
        again = any(f"<{group}>" in part for part in parts)
        parts += [re.escape(beginning[end : found.start()]), f"(?P={group})" if again else rf"(?P<{group}>\d+)"]
        end = found.end()
    return rf"(?P<{key}>{''.join(parts)}{re.escape(beginning[end:])})(?=\.|$)"


def _number(group: str, text: str) -> tuple[str, int]:
    """The letter and its number, by a group of `_pattern`."""
    _, *more, letter = group.split("_")
    return letter, int(text) - sum(map(int, more))


def _numbered(beginning: str, numbers: Mapping[str, int]) -> str:
    return _NUMBER.sub(lambda found: str(numbers[found[1]] + int(found[2] or 0)), beginning)
