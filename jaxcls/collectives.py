"""The devices of a training step, and reductions over them that also work without any.

The step is written once for one device. What runs it on several names them: `pmap` and `shard_map` by one axis, FSDP
by two. Outside, in a program of all devices or of one, a mean over devices is the value itself.
"""

from __future__ import annotations

from typing import Any

from jax import Array, lax

BATCH_AXIS = "batch"
MODEL_AXIS = "model"  # of FSDP: the devices that share one copy of the parameters; each has its part of the batch, too


def axes() -> tuple[str, ...]:
    """The axes of the mapping over the devices in which the code runs; none outside of one."""
    return tuple(filter(_is_bound, (BATCH_AXIS, MODEL_AXIS)))


def _is_bound(axis: str) -> bool:
    try:
        lax.axis_index(axis)
    except NameError:
        return False
    return True


def device_index() -> Any:
    """This device's number, an int32 scalar; 0 where there is but one."""
    return lax.axis_index(bound) if (bound := axes()) else 0


def pmean(tree: Any) -> Any:
    """Mean of each leaf over the devices."""
    return lax.pmean(tree, bound) if (bound := axes()) else tree


def psum(tree: Any) -> Any:
    """Sum of each leaf over the devices."""
    return lax.psum(tree, bound) if (bound := axes()) else tree


def all_equal(array: Array) -> Any:
    """(…) -> same: whether all devices have the same value there."""
    return lax.pmax(array, bound) == lax.pmin(array, bound) if (bound := axes()) else True


def all_gather(array: Array) -> Array:
    """(…) -> (devices, …): each device's."""
    return lax.all_gather(array, bound) if (bound := axes()) else array[None]
