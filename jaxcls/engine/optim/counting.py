"""The step that the schedules in an optimiser's state are at."""

from __future__ import annotations

from typing import Any

import jax
import optax

PyTree = Any
_WrappedScheduleState = type(optax.schedules.WrappedSchedule(optax.constant_schedule(0.0)).init())
_COUNTERS = (optax.ScaleByScheduleState, optax.InjectStatefulHyperparamsState, _WrappedScheduleState)


def _counts(node: Any) -> bool:
    return isinstance(node, _COUNTERS)


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
