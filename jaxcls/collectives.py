"""The device axis of a training step, and reductions over it that also work without one.

The step is written once for one device. `pmap` and `shard_map` bind the axis; under plain `jit` (parameters sharded
over devices) the program is global and there is no axis: a mean over devices is then the value itself.
"""

from __future__ import annotations

from typing import Any

from jax import Array, lax

BATCH_AXIS = "batch"


def axis_is_bound() -> bool:
    """Whether the code runs inside a mapping over the devices."""
    try:
        lax.axis_index(BATCH_AXIS)
    except NameError:
        return False
    return True


def device_index() -> Any:
    """This device's place along the axis, an int32 scalar; 0 without an axis."""
    return lax.axis_index(BATCH_AXIS) if axis_is_bound() else 0


def pmean(tree: Any) -> Any:
    """Mean of each leaf over the devices."""
    return lax.pmean(tree, BATCH_AXIS) if axis_is_bound() else tree


def all_gather(array: Array) -> Array:
    """(…) -> (devices, …): each device's."""
    return lax.all_gather(array, BATCH_AXIS) if axis_is_bound() else array[None]


def psum(tree: Any) -> Any:
    """Sum of each leaf over the devices."""
    return lax.psum(tree, BATCH_AXIS) if axis_is_bound() else tree
