"""Transformations of the user's own: the step leaves their counters alone."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxcls.engine.optim import build_optimizer
from jaxcls.engine.step.accumulation import Accumulation
from jaxcls.engine.step.ema import Ema
from jaxcls.engine.step.options import StepOptions
from jaxcls.engine.step.precision import Precision
from tests.engine.step.slope import params, trained


def schedule(step):
    return 0.5**step


def by_name(own):
    return optax.multi_transform({"a": own, "b": optax.adam(schedule)}, {"a": "a", "b": "b"})


OWN = {
    "sgd": lambda: optax.sgd(schedule, momentum=0.5),
    "adam": lambda: optax.adam(schedule),
    "chain": lambda: optax.chain(optax.clip(0.4), optax.scale_by_adam(), optax.scale_by_schedule(schedule)),
    "injected": lambda: optax.inject_hyperparams(optax.sgd)(learning_rate=schedule),
    "masked": lambda: optax.masked(optax.sgd(schedule), {"a": True, "b": False}),
    "by name": lambda: by_name(optax.sgd(schedule)),
    "several steps": lambda: optax.MultiSteps(optax.sgd(schedule), 2),
    "several steps, as a transformation": lambda: optax.MultiSteps(optax.sgd(schedule), 2).gradient_transformation(),
}
OWN["keeping its first parameters"] = lambda: optax.contrib.schedule_free_sgd(0.1)
VALUES = (1.0, np.nan, 2.0, 1.0, np.inf, 0.5, 3.0)


@pytest.mark.parametrize("kind", OWN)
def test_counters_are_the_transformations_own(kind):
    tx = OWN[kind]()
    moved = params()
    opt_state = tx.init(moved)
    for value in VALUES:
        if np.isfinite(value):
            updates, opt_state = tx.update(jax.tree.map(lambda leaf, v=value: leaf * v, params()), opt_state, moved)
            moved = optax.apply_updates(moved, updates)
    final = trained(tx, VALUES)[-1]
    jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-6), final.params, moved)
    assert jax.tree.structure(final.opt_state) == jax.tree.structure(jax.device_get(opt_state))
    jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-6), final.opt_state, opt_state)


@pytest.mark.parametrize("inside", [lambda own: own, lambda own: optax.chain(optax.clip(9.0), own)])
def test_the_rate_of_what_build_optimizer_made_is_that_of_the_iteration(inside):
    made = build_optimizer({"type": "SGD", "lr": 9.0}, params(), schedule)
    values = [float(state.params["a"][0]) for state in trained(inside(made), (1.0, np.nan, np.nan, 1.0))]
    np.testing.assert_allclose(values, [1.0, 0.0, 0.0, 0.0, -0.125])


@pytest.mark.parametrize("wrapped", [lambda own: own, lambda own: own.gradient_transformation()])
def test_optax_counts_inside_its_several_steps(wrapped):
    made = build_optimizer({"type": "SGD", "lr": 9.0}, params(), schedule)
    values = [float(state.params["a"][0]) for state in trained(wrapped(optax.MultiSteps(made, 2)), (1.0,) * 4)]
    np.testing.assert_allclose(values, [1.0, 1.0, 0.0, 0.0, -0.5])


@pytest.mark.parametrize("iters", [1, 2])
def test_the_state_keeps_its_types_whatever_comes_back(iters):
    tx = optax.contrib.ademamix(0.1, mu_dtype=jnp.bfloat16)  # whose update gives float32 back
    options = StepOptions(Precision("bfloat16"), Accumulation(iters), ema=Ema())  # statistics are then bfloat16
    first, *_, last = trained(tx, (1.0, 2.0), options)
    assert [leaf.dtype for leaf in jax.tree.leaves(first)] == [leaf.dtype for leaf in jax.tree.leaves(last)]
    assert last.batch_stats["seen"] == 2
    assert np.all(last.params["a"] < 1)
