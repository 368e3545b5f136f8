"""The smallest network there is: its gradients and statistics are what the images say."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

import jaxcls
from jaxcls.engine.step.options import StepOptions
from jaxcls.engine.step.parallel import Parallel
from jaxcls.engine.step.train_step import make_train_step

ONE = Parallel(devices=jax.devices()[:1])


class Slope(nn.Module):
    """The gradient of each of its parameters, two of two numbers, is the mean of the images; so is its statistic."""

    def is_frozen(self, path):
        return False

    @nn.compact
    def forward_train(self, images, labels):
        a, b = (self.param(name, nn.initializers.ones, (2,)) for name in "ab")
        self.variable("batch_stats", "seen", jnp.zeros, ()).value = jnp.mean(images)
        return {"loss": jnp.sum(a + b) * jnp.mean(images)}


def params():
    return {name: jnp.ones(2) for name in "ab"}


def trained(tx, values, options=StepOptions()):  # noqa: B008 (immutable)
    """The states before and after each step; the images of a step are all of one value."""
    variables = {"params": params(), "batch_stats": {"seen": jnp.zeros(())}}
    state = jaxcls.create_train_state(variables, tx, options)
    step, states = make_train_step(Slope(), tx, parallel=ONE, options=options), [jax.device_get(state)]
    for value in values:
        batch = {"image": np.full((2, 1, 1, 1), value, np.float32), "label": np.zeros(2, np.int32)}
        state, _ = step(state, batch, jax.random.key(0))
        states.append(jax.device_get(state))
    return states
