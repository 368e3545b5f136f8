"""Numbers on their way into the log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

_MOST_ROWS = 4096  # of them a window keeps each value, of what is older the sums


@dataclass(frozen=True)
class Record:
    """A line of the log.

    Attributes:
        mode: `train` for the means over iterations of training, `val` for an evaluation's numbers and all others.
        epoch: in which it falls, from 1.
        iter: what the line names beside it: the iteration's place in the epoch, in a run by iterations its number, both
            from 1; of an evaluation the number of its batches.
        step: the training iteration, from 1; after an epoch's last one, the next epoch's first.
        lr: the learning rate of the latest training iteration.
        momentum: its momentum; None where there is none.
        values: name -> number, or array.
    """

    mode: str
    epoch: int
    iter: int
    step: int
    lr: float
    momentum: float | None
    values: Mapping[str, Any]


class Window:
    """The values of the iterations since a logger's last line.

    Those of the device stay there until `take` fetches them, all at once.
    """

    def __init__(self) -> None:
        self._rows: list[tuple[Mapping[str, Any], int]] = []
        self._sums: dict[str, tuple[float, float]] = {}  # of older rows, weighted, and their weights
        self._latest: dict[str, Any] = {}

    def add(self, values: Mapping[str, Any], count: int) -> None:
        """One value a name, with the number of samples behind it."""
        self._rows.append((values, count))
        if len(self._rows) > _MOST_ROWS:
            self._sums = dict(self._added(self._rows[: _MOST_ROWS // 2]))
            self._rows = self._rows[_MOST_ROWS // 2 :]

    def note(self, values: Mapping[str, Any]) -> None:
        """Numbers for the next line as they are; of one name the latest."""
        self._latest |= values

    def take(self) -> dict[str, Any]:
        """The weighted means, and the latest of what was noted; the window is empty then."""
        means = {name: total / weight for name, (total, weight) in self._added(self._rows)}
        latest, self._latest = self._latest, {}
        self.clear()
        return {**means, **latest}

    def clear(self) -> None:
        """Forgets what would be averaged."""
        self._rows, self._sums = [], {}

    def _added(self, rows: list[tuple[Mapping[str, Any], int]]) -> Iterator[tuple[str, tuple[float, float]]]:
        """The sums and weights of each name with those of more rows."""
        by_name: dict[str, list[tuple[Any, int]]] = {}
        for values, count in fetched(rows):
            for name, value in values.items():
                by_name.setdefault(name, []).append((value, count))
        for name in [*self._sums, *(name for name in by_name if name not in self._sums)]:
            total, weight = self._sums.get(name, (0.0, 0.0))
            numbers, counts = np.asarray(by_name.get(name, np.zeros((0, 2))), np.float64).T
            yield name, (total + float(np.sum(numbers * counts)), weight + float(np.sum(counts)))

    def state(self) -> dict[str, Any]:
        """For `restore`; values of the device are still there."""
        return {"rows": list(self._rows), "sums": self._sums, "latest": dict(self._latest)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes up what `state` gave, by way of JSON."""
        self._rows = [(values, count) for values, count in state["rows"]]
        self._sums = {name: (total, weight) for name, (total, weight) in state["sums"].items()}
        self._latest = dict(state["latest"])


class LogBuffer:
    """Where hooks put numbers for the log.

    Attributes:
        output: name -> number, or array: what goes into the next line as it is.
        mode: `train` or `val`: what the iterations are that `update` tells of.
        windows: of each logger, by that mode.
    """

    def __init__(self) -> None:
        self.output: dict[str, Any] = {}
        self.mode = "train"
        self.windows: list[Mapping[str, Window]] = []

    def update(self, values: Mapping[str, Any], count: int = 1) -> None:
        """Adds an iteration's values, with the number of samples behind them: the next line has their mean."""
        for windows in self.windows:
            windows[self.mode].add(values, count)

    def note(self) -> None:
        """Puts the output into the next line about iterations."""
        values = self.take()
        for windows in self.windows:
            windows[self.mode].note(values)

    def take(self) -> dict[str, Any]:
        """The output, fetched from the device; it is empty then."""
        values = fetched(self.output)
        self.output.clear()
        return values


def fetched(tree: Any) -> Any:
    """Dicts and lists, in their order, with arrays of the host, and numbers of Python where there are single ones."""
    for leaf in jax.tree.leaves(tree):
        if isinstance(leaf, jax.Array):
            leaf.copy_to_host_async()
    return _fetched(tree)


def _fetched(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _fetched(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_fetched(entry) for entry in value]
    if isinstance(value, jax.Array | np.ndarray | np.generic):
        return np.asarray(value) if value.ndim else value.item()
    return value
