"""The JSON log of a run, ours or the original's, as curves."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxcls.convert.fetch import local
from jaxcls.errors import UserError, close_names

_PLACES = ("mode", "epoch", "iter")


class Curve(NamedTuple):
    """Numbers of one key of one mode.

    Attributes:
        x: (n,) epochs that have passed, or in a run by iterations these.
        y: (n,).
    """

    x: np.ndarray
    y: np.ndarray


class Log:
    """A run's log.

    Attributes:
        name: the work directory's, or the file's where others lie there, too.
        about: what its first line says of the run: `env_info`, `seed`, …; empty where it says nothing.
        by_epoch: whether its lines count iterations within epochs.
        lines: those that have an epoch, in order, each with its `x`.

    Args:
        path: a `.log.json` file, or a work directory, whose newest one it is.

    Raises:
        UserError: there is none, it is damaged, or it has no lines about a training.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = _file(local(path))
        alone = len(list(self.path.parent.glob("*.log.json"))) == 1
        self.name = self.path.parent.name if alone else f"{self.path.parent.name}/{self.path.name}"
        self.about, self.lines = _read(self.path)
        train = [line for line in self.lines if line.get("mode") == "train"]
        iters = [line["iter"] for line in train]
        self.by_epoch = len({line["epoch"] for line in train}) < 2 or iters != sorted(set(iters))
        self._place(max(iters, default=1))

    def _place(self, iters_per_epoch: int) -> None:
        reached = 0.0
        for line in self.lines:
            if line.get("mode") == "train":
                reached = line["epoch"] - 1 + line["iter"] / iters_per_epoch if self.by_epoch else line["iter"]
            elif self.by_epoch:
                reached = max(reached, float(line["epoch"]))
            line["x"] = reached

    def keys(self) -> list[str]:
        """What can be drawn: the keys of single numbers, in the order of their first line."""
        numbers = (key for line in self.lines for key, value in line.items() if isinstance(value, int | float))
        return [key for key in dict.fromkeys(numbers) if key not in (*_PLACES, "x")]

    def curves(self, key: str) -> dict[str, Curve]:
        """Mode (`train`, `val`) -> the curve of a key.

        Raises:
            UserError: no line has this key.
        """
        if key not in self.keys():
            raise UserError(f"--keys: {self.path} has no {key!r}; {close_names(key, self.keys())}")
        found = {}
        for mode in ("train", "val"):
            points = [(line["x"], line[key]) for line in self.lines if line.get("mode") == mode and key in line]
            if points:
                found[mode] = Curve(*np.array(points, np.float64).T)
        if "val" in found and key in ("lr", "momentum"):  # the training's, noted again
            del found["val"]
        return found

    def epoch_times(self, include_outliers: bool = False) -> dict[int, np.ndarray]:
        """Epoch -> seconds an iteration, as its lines say.

        Args:
            include_outliers: whether an epoch's first line counts, in which compiling and filling queues is.

        Raises:
            UserError: no line says it.
        """
        times: dict[int, list[float]] = {}
        for line in self.lines:
            if line.get("mode") == "train" and "time" in line:
                times.setdefault(line["epoch"], []).append(line["time"])
        if not times:
            raise UserError(f"{self.path}: no line of training has a 'time'")
        first = 0 if include_outliers else 1
        return {epoch: np.array(values[first:] or values) for epoch, values in times.items()}


def _file(path: Path) -> Path:
    if path.is_dir():
        found = sorted(path.glob("*.log.json"))
        if not found:
            raise UserError(f"{path}: no .log.json in this folder; expected a work directory")
        return found[-1]
    if not path.is_file():
        raise UserError(f"{path} does not exist; expected a work directory or its .log.json")
    return path


def _read(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What is about the run, and the lines about its training."""
    about: dict[str, Any] = {}
    lines = []
    with path.open(encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            try:
                line = json.loads(text)
            except ValueError as error:
                if text.endswith("\n"):
                    raise UserError(f"{path}, line {number}: not JSON: {error}") from error
                continue  # a run that is writing it, or was killed
            if isinstance(line, dict) and "epoch" in line:
                lines.append(line)
            elif isinstance(line, dict):
                about = about or line
    if not lines:
        raise UserError(f"{path}: no line about a training in it")
    return about, lines
