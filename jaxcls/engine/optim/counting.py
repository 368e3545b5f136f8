"""The step that the schedules in an optimiser's state are at."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import optax

PyTree = Any


@cache
def _counters() -> tuple[type, ...]:
    """The nodes that count a schedule's steps; made late, as optax names one only by an instance, which is an array."""
    wrapped = optax.schedules.WrappedSchedule(optax.constant_schedule(0.0)).init()
    return optax.ScaleByScheduleState, optax.InjectStatefulHyperparamsState, type(wrapped)


def _counts(node: Any) -> bool:
    return isinstance(node, _counters())


def at_step(opt_state: PyTree, step: jax.Array) -> PyTree:
    """The optimiser's state with every schedule in it at `step`, an int32 scalar.

    What else counts updates, as Adam does for its bias correction, keeps its count.
    """

    def set_count(node: Any) -> Any:
        if not _counts(node):
            return node
        fields = {name: at_step(value, step) for name, value in node._asdict().items()}
        return type(node)(**{**fields, "count": step})

    return jax.tree.map(set_count, opt_state, is_leaf=_counts)
