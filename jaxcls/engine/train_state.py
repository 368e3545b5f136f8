"""All that a training step changes, as one pytree of arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct

PyTree = Any


class TrainState(struct.PyTreeNode):
    """What is static (the module, the optimiser) is closed over by the step.

    Attributes:
        step: updates so far, int32 scalar.
        params: float32.
        batch_stats: running statistics of the norms; empty where there are none.
        opt_state: the optimiser's.
        ema_params: exponential moving average of `params`, or None.
    """

    step: jax.Array
    params: PyTree
    batch_stats: PyTree
    opt_state: PyTree
    ema_params: PyTree = None

    @property
    def variables(self) -> dict[str, PyTree]:
        """What `classifier.apply` takes."""
        return {"params": self.params, "batch_stats": self.batch_stats}


def create_train_state(variables: Mapping[str, PyTree], tx: optax.GradientTransformation) -> TrainState:
    """A state at step 0. Its arrays are its own: steps donate them, and `variables` stays usable."""
    params = jax.tree.map(lambda leaf: jnp.array(leaf, copy=True), dict(variables["params"]))
    batch_stats = jax.tree.map(lambda leaf: jnp.array(leaf, copy=True), dict(variables.get("batch_stats", {})))
    return TrainState(jnp.zeros((), jnp.int32), params, batch_stats, tx.init(params))
