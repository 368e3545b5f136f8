"""Where a backbone's layers lie, declared once, by their names.

From it come `frozen_stages`, the layers' depths for layer-wise learning-rate decay, and the stages that tools offer.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

LAST = math.inf


class Place(NamedTuple):
    """Compares as depths do: the stem is (0, 0), a block (stage from 1, block), what follows the stages (LAST, 0)."""

    stage: float
    block: float = 0.0


STEM, REST = Place(0), Place(LAST)


def _in_order(stage: int, block: int) -> Place:
    return Place(stage, block)


def by_stage(stage: int, block: int) -> Place:
    """All blocks of a stage at one depth."""
    return Place(stage)


@dataclasses.dataclass(frozen=True)
class Layout:
    """The names of a backbone's layers, from the image to the output.

    A template is the beginning of names, `{stage}` and `{block}` in place of their numbers::

        Layout(stem=("conv1", "bn1"), blocks=("layer{stage}.{block}",))

    Attributes:
        blocks: templates of the blocks.
        stem: beginnings of the names before the first stage.
        rest: beginnings of the names after the last stage.
        norms: templates of the norms of the stages' outputs that are frozen with their stage; deepest all the same.
        before: templates of layers that lead into a stage: as deep as its first block.
        after: templates of layers that lead out of a stage: as deep as its last block.
        first: the number of the first stage in names.
        place: (stage from 1, block) -> the depth of a block, for layer-wise decay.
    """

    blocks: tuple[str, ...]
    stem: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()
    norms: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    first: int = 1
    place: Callable[[int, int], Place] = _in_order

    def stage_of(self, name: str) -> float | None:
        """The stage, from 1, that a layer belongs to; 0: the stem; LAST: what follows; None: no rule names it."""
        if _match(self.stem, name):
            return 0
        if found := _match((*self.blocks, *self.before, *self.after, *self.norms), name):
            return self._number(found)
        return LAST if _match(self.rest, name) else None

    def depth_of(self, name: str) -> Place | None:
        """How deep a layer lies; None: no rule names it."""
        if _match(self.stem, name):
            return STEM
        if found := _match(self.blocks, name):
            return self.place(self._number(found), int(found.groupdict().get("block") or 0))
        if found := _match(self.before, name):
            return self.place(self._number(found), 0)
        if found := _match(self.after, name):
            return Place(self._number(found), LAST)
        return REST if _match((*self.norms, *self.rest), name) else None

    def block_of(self, name: str) -> int | None:
        """The stage, from 1, whose block has exactly this name; None: it is no block."""
        found = _match(self.blocks, name)
        return self._number(found) if found and found.end() == len(name) else None

    def unused(self, names: Iterable[str]) -> int:
        """How many templates of stages no name fits."""
        names = list(names)
        templates = (*self.blocks, *self.before, *self.after)
        return sum(not any(_match((template,), name) for name in names) for template in templates)

    def _number(self, found: re.Match[str]) -> int:
        return int(found["stage"]) - self.first + 1


@functools.cache
def _pattern(template: str) -> re.Pattern[str]:
    literal = re.escape(template).replace(r"\{stage\}", r"(?P<stage>\d+)").replace(r"\{block\}", r"(?P<block>\d+)")
    return re.compile(rf"{literal}(?![^.])")  # whole parts of a name


def _match(templates: tuple[str, ...], name: str) -> re.Match[str] | None:
    return next((found for template in templates if (found := _pattern(template).match(name))), None)
