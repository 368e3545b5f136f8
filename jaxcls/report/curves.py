"""The curves of several runs, a panel a quantity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxcls.inspect.logs import Curve, Log
from jaxcls.report.numbers import in_words, significant

_POINTS = 400  # of a curve; more would not be seen
_PANELS = 12
_LAST = ("lr", "momentum")
_ELSEWHERE = ("time", "data_time", "memory")  # in the table of speeds
_MODES = {"train": "training", "val": "validation"}


def panels(logs: Sequence[Log | None]) -> list[dict[str, Any]]:
    """What the page draws.

    Args:
        logs: of the runs; None: it cannot be read.

    Returns:
        of each panel its `title`, the `unit` of its x, and `curves`: `run` (a number), `mode`, `x`, `y` (numbers, None
        for what is not finite) and `summary` in words.
    """
    logged = [log.keys() if log else [] for log in logs]
    named = {key: None for keys in logged for key in keys if key not in _ELSEWHERE and "/" not in key}
    keys = sorted(named, key=lambda key: (key in _LAST, "loss" not in key))
    unit = "epoch" if all(log.by_epoch for log in logs if log) else "iteration"
    made = []
    for key in keys:
        curves = [
            _curve(run, mode, curve)
            for run, log in enumerate(logs)
            if log and key in logged[run]
            for mode, curve in log.curves(key).items()
        ]
        if curves and not (key in _LAST and all(len(set(curve["y"])) == 1 for curve in curves)):
            made.append({"title": in_words(key), "unit": unit, "curves": curves})
    return made[:_PANELS]


def _curve(run: int, mode: str, curve: Curve) -> dict[str, Any]:
    thinned = _thinned(curve)
    return {
        "run": run,
        "mode": _MODES[mode],
        "x": [round(float(x), 4) for x in thinned.x],
        "y": [float(f"{y:.6g}") if math.isfinite(y) else None for y in thinned.y],
        "summary": _summary(_MODES[mode], curve.y),
    }


def _thinned(curve: Curve) -> Curve:
    """The means of as many parts of equal length as the page draws."""
    if len(curve.x) <= _POINTS:
        return curve
    edges = np.linspace(0, len(curve.x), _POINTS + 1).astype(int)
    x, y = (np.add.reduceat(values, edges[:-1]) / np.diff(edges) for values in curve)
    x[-1], y[-1] = curve.x[-1], curve.y[-1]
    return Curve(x, y)


def _summary(mode: str, values: np.ndarray) -> str:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return f"{mode}: nothing finite"
    least, most = significant(finite.min()), significant(finite.max())
    return f"{mode}: {significant(values[0])} first, {significant(values[-1])} last, {least} to {most}"
