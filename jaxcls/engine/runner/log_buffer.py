"""Values between two log lines (mmcv/runner/log_buffer.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np


class LogBuffer:
    """Collects values, of the host or of the device, and averages the latest of them.

    Device values stay where they are until `average` fetches them, all at once.

    Attributes:
        output: name -> averaged value, or what an evaluation put there.
        ready: whether there is something in `output` to be logged.
    """

    def __init__(self) -> None:
        self._values: dict[str, list[Any]] = {}
        self._counts: dict[str, list[int]] = {}
        self.output: dict[str, Any] = {}
        self.ready = False

    def update(self, values: Mapping[str, Any], count: int = 1) -> None:
        """Adds one value a name, with the number of samples behind it."""
        for name, value in values.items():
            self._values.setdefault(name, []).append(value)
            self._counts.setdefault(name, []).append(count)

    def average(self, n: int = 0) -> None:
        """Puts the weighted mean of the last `n` values of each name (0: all) into `output`."""
        for name, values in self._fetch(n).items():
            weights = np.asarray(self._counts[name][-n:], np.float64)
            self.output[name] = float(np.sum(np.asarray(values, np.float64) * weights) / np.sum(weights))
        self.ready = True

    def _fetch(self, n: int) -> dict[str, list[Any]]:
        return jax.device_get({name: values[-n:] for name, values in self._values.items()})

    def state(self, n: int) -> dict[str, Any]:
        """The last `n` values of each name, for `restore`."""
        values = {name: [float(value) for value in values] for name, values in self._fetch(n).items()}
        return {"values": values, "counts": {name: counts[-n:] for name, counts in self._counts.items()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes up what `state` gave."""
        self._values = {name: list(values) for name, values in state["values"].items()}
        self._counts = {name: list(counts) for name, counts in state["counts"].items()}

    def clear(self) -> None:
        """Forgets everything."""
        self._values.clear()
        self._counts.clear()
        self.clear_output()

    def clear_output(self) -> None:
        """Forgets what has been logged."""
        self.output.clear()
        self.ready = False
