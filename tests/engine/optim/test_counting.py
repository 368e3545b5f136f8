from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxcls.engine.optim import build_optimizer
from jaxcls.engine.optim.counting import at_step

PARAMS = {"kernel": np.ones((2, 2), np.float32), "bias": np.ones(2, np.float32)}
GRADS = jax.tree.map(np.ones_like, PARAMS)


def halving(step):
    return 0.5**step


def test_the_rate_is_that_of_the_step_which_the_state_is_told():
    tx = build_optimizer({"type": "SGD", "lr": 9.0, "paramwise_cfg": {"bias_lr_mult": 3.0}}, PARAMS, halving)

    @jax.jit
    def update(state, step):
        return tx.update(GRADS, state, PARAMS, step=step)

    state = tx.init(PARAMS)
    for step in (4, 4, 7):
        updates, state = update(state, jnp.int32(step))
        np.testing.assert_allclose(updates["kernel"], -(0.5**step), rtol=1e-6)
        np.testing.assert_allclose(updates["bias"], -3 * 0.5**step, rtol=1e-6)
    updates, _ = tx.update(GRADS, state, PARAMS)  # and counts on, where nobody says
    np.testing.assert_allclose(updates["kernel"], -(0.5**8), rtol=1e-6)


def test_untold_it_counts_its_updates():
    tx = build_optimizer({"type": "SGD", "lr": 9.0}, PARAMS, halving)
    state = tx.init(PARAMS)
    for expected in (-1.0, -0.5, -0.25):
        updates, state = tx.update(GRADS, state, PARAMS)
        np.testing.assert_allclose(updates["kernel"], expected)


@pytest.mark.parametrize("kind", ["Adam", "Muon", "Adan"])
def test_the_count_of_the_bias_correction_stays(kind):
    tx = build_optimizer({"type": kind, "lr": 9.0}, PARAMS, halving, optax.constant_schedule(0.5))
    _, state = tx.update(GRADS, tx.init(PARAMS), PARAMS)
    told = at_step(state, jnp.int32(50))
    assert jax.tree.structure(told) == jax.tree.structure(state)
    jax.tree.map(np.testing.assert_array_equal, told.inner_state, state.inner_state)
    assert {int(count) for _, count in optax.tree.get_all_with_path(told.hyperparams_states, "count")} == {50}


def test_a_state_without_schedules_stays():
    state = optax.sgd(0.1, 0.9).init(PARAMS)
    jax.tree.map(np.testing.assert_array_equal, at_step(state, 3), state)
