"""Whether the devices wait for data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax

_LOOK = 60.0  # seconds of training between two looks


def is_computed(outputs: Any) -> bool:
    """Whether the devices have done all of a tree; what is not theirs is there."""
    return all(leaf.is_ready() for leaf in jax.tree.leaves(outputs) if hasattr(leaf, "is_ready"))


@dataclass
class _Minute:
    """Of training: iterations, those for whose batch the devices waited, and seconds."""

    iterations: int = 0
    idle: int = 0
    waited: float = 0.0
    seconds: float = 0.0


class Starvation:
    """Whether the devices wait for batches: looked at each minute of training, said once.

    They do where in most iterations they had done all their work before the next batch was there, and the host waited
    for batches for a tenth of the time or more.
    """

    def __init__(self) -> None:
        self._minute, self._said = _Minute(), False

    def add(self, waited: float, done: bool) -> None:
        """The seconds that the host has waited for a batch, and whether the devices had done all their work by then."""
        self._minute.iterations += 1
        self._minute.idle += done
        self._minute.waited += waited

    def after(self, seconds: float) -> str | None:
        """The seconds that this iteration took -> what is to be said, where something is."""
        minute = self._minute
        minute.seconds += seconds
        if minute.seconds < _LOOK:
            return None
        self._minute = _Minute()
        if self._said or minute.waited < minute.seconds / 10 or minute.idle <= minute.iterations / 2:
            return None
        self._said = True
        waited, whole = (1e3 * value / minute.iterations for value in (minute.waited, minute.seconds))
        return (
            f"reading holds the devices back: in {100 * minute.idle / minute.iterations:.0f} % of the iterations they "
            f"were done before the next batch was there; {waited:.1f} of {whole:.1f} ms an iteration went by waiting. "
            "docs/performance.md has what to do: more data.num_workers, packed pictures and more"
        )
