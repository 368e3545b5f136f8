"""Running statistics that are the same on all devices (mmcv/runner/hooks/sync_buffer.py)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxcls import collectives
from jaxcls.engine.hooks.hook import PRIORITIES, Hook


class SyncBuffersHook(Hook):
    """Sets the norms' running statistics to their mean over the devices after each epoch, where devices differ.

    This package's training step averages them itself, so that nothing changes, to the bit. A step of one's own that
    does not leaves each device with its own; JAX reads the first device's and says nothing.

    Args:
        distributed: False: do nothing.
    """

    priority = PRIORITIES["ABOVE_NORMAL"]  # before the checkpoint and the evaluation

    def __init__(self, distributed: bool = True) -> None:
        self.distributed = distributed
        self._step: Any = None

    def after_epoch(self, runner: Any) -> None:
        parallel, statistics = runner.network.parallel, runner.state.batch_stats
        if not self.distributed or len(parallel.devices) == 1 or not jax.tree.leaves(statistics):
            return
        if self._step is None:
            self._step = parallel.wrap_eval_step(lambda statistics, _: ((), jax.tree.map(_agreed, statistics)))
        rows = parallel.place_batch({"row": np.zeros(parallel.local_device_count, np.float32)})
        _, statistics = self._step(parallel.place_state(statistics), rows)
        runner.state = runner.state.replace(batch_stats=statistics)


def _agreed(own: Array) -> Array:
    """The mean over the devices, or the value that all have: a mean of equal numbers may differ in the last bit."""
    return jnp.where(collectives.all_equal(own), own, collectives.pmean(own))
