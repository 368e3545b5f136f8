"""All that a training step changes, as one pytree of arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct
from flax.training.dynamic_scale import DynamicScale

from jaxcls.engine.step.accumulation import Accumulated
from jaxcls.engine.step.options import StepOptions

PyTree = Any


class TrainState(struct.PyTreeNode):
    """What is static (the module, the optimiser) is closed over by the step.

    Attributes:
        step: iterations so far, int32 scalar.
        params: float32.
        batch_stats: running statistics of the norms; empty where there are none.
        opt_state: the optimiser's.
        skipped_updates: iterations whose gradients were not finite and were thrown away, int32 scalar.
        skipped_in_a_row: those since the last that was not; the search for float16's loss scale does not count.
        ema_params: exponential moving average of `params`, or None.
        ema_batch_stats: that of `batch_stats`, or None.
        accumulated: gradients on their way to an update, or None where each iteration is one.
        loss_scale: float16's, or None.
    """

    step: jax.Array
    params: PyTree
    batch_stats: PyTree
    opt_state: PyTree
    skipped_updates: jax.Array
    skipped_in_a_row: jax.Array
    ema_params: PyTree = None
    ema_batch_stats: PyTree = None
    accumulated: Accumulated | None = None
    loss_scale: DynamicScale | None = None

    @property
    def raw_variables(self) -> dict[str, PyTree]:
        """What `classifier.apply` takes: the weights that training moves."""
        return {"params": self.params, "batch_stats": self.batch_stats}

    @property
    def variables(self) -> dict[str, PyTree]:
        """What is evaluated: the averaged weights where there are such, else the raw ones."""
        return evaluated(self.raw_variables, self.ema_params, self.ema_batch_stats)


def evaluated(raw: Mapping[str, PyTree], ema_params: PyTree, ema_batch_stats: PyTree) -> dict[str, PyTree]:
    """The raw variables, with averages in place of what is averaged."""
    return {
        "params": raw["params"] if ema_params is None else ema_params,
        "batch_stats": raw["batch_stats"] if ema_batch_stats is None else ema_batch_stats,
    }


def create_train_state(
    variables: Mapping[str, PyTree],
    tx: optax.GradientTransformation | optax.MultiSteps,
    options: StepOptions = StepOptions(),  # noqa: B008 (immutable)
) -> TrainState:
    """A state at step 0. Its arrays are its own: steps donate them, and `variables` stays usable.

    Args:
        variables: `params` and, where there are any, `batch_stats`.
        tx: the optimiser.
        options: the step's.
    """
    params, batch_stats = _copy(dict(variables["params"])), _copy(dict(variables.get("batch_stats", {})))
    zero = jnp.zeros((), jnp.int32)
    # Some optimisers keep the parameters that they began with.
    state = TrainState(zero, params, batch_stats, _copy(tx.init(params)), jnp.copy(zero), jnp.copy(zero))
    if (ema := options.ema) is not None:
        state = state.replace(ema_params=_copy(params), ema_batch_stats=_copy(batch_stats) if ema.statistics else None)
    return state.replace(accumulated=options.accumulation.init(params), loss_scale=options.precision.init_loss_scale())


@jax.jit  # one program in place of one for each shape
def _copy(tree: PyTree) -> PyTree:
    return jax.tree.map(jnp.copy, tree)
