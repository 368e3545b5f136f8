from __future__ import annotations

import functools

import jax
import numpy as np
import pytest

import jaxcls
from jaxcls.engine.optim import build_grad_clip
from jaxcls.engine.step.accumulation import Accumulation
from jaxcls.engine.step.options import StepOptions
from jaxcls.engine.step.train_step import make_train_step
from jaxcls.errors import UserError
from tests.engine.step import slope
from tests.engine.step.test_train_step import ONE, batches, small


def last_only(step):
    return 0.1 * (step == 3)


@functools.cache
def network():
    return small(norm_cfg={"type": "LN"})  # no statistics of a batch


@functools.cache
def compiled(accumulation, schedule):
    classifier, variables = network()
    tx = jaxcls.build_optimizer({"type": "SGD", "lr": 0.1, "momentum": 0.9}, variables["params"], schedule)
    options = StepOptions(accumulation=accumulation, clip=build_grad_clip({"max_norm": 1e9}))
    step = make_train_step(classifier, tx, parallel=ONE, options=options)
    return step, jax.device_get(jaxcls.create_train_state(variables, tx, options))


def trained(given, accumulation=None, schedule=None):
    step, state = compiled(accumulation or Accumulation(), schedule)
    states, logged = [state], []
    for batch in given:
        state, log_vars = step(state, batch, jax.random.key(0))
        states.append(jax.device_get(state))
        logged.append({name: float(value) for name, value in log_vars.items()})
    return states, logged


def parts(count, poisoned=()):
    found = [batch for batch, _ in zip(batches(n=4), range(count), strict=False)]
    for i in poisoned:
        found[i]["image"] = np.full(found[i]["image"].shape, np.nan, np.float32)
    return found


def joined(*given):
    return {name: np.concatenate([batch[name] for batch in given]) for name in given[0]}


def assert_close(state, expected):
    jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-4, atol=1e-6), state.params, expected.params)


def test_several_iterations_are_one_of_all_their_samples():
    given = parts(4)
    states, logged = trained(given, Accumulation(2, 4))
    large, large_logged = trained([joined(*given[:2]), joined(*given[2:])])
    assert_close(states[1], states[0])
    assert_close(states[2], large[1])
    assert_close(states[4], large[2])
    norms = [line["grad_norm"] for line in logged]
    assert norms[0] == 0.0
    assert norms[1] == norms[2] == pytest.approx(large_logged[0]["grad_norm"], rel=1e-4)


def test_what_is_left_at_the_end_makes_an_update_of_its_own():
    given = parts(3)
    states, _ = trained(given, Accumulation(2, 3))
    assert_close(states[3], trained([joined(*given[:2]), given[2]])[0][2])
    states, _ = trained(given, Accumulation(2))
    assert_close(states[3], states[2])


def test_the_learning_rate_is_that_of_the_iteration():
    states, _ = trained(parts(4), Accumulation(2, 4), schedule=last_only)
    assert_close(states[2], states[0])
    assert not np.array_equal(states[4].params["head"]["fc"]["kernel"], states[0].params["head"]["fc"]["kernel"])


def test_gradients_that_are_not_finite_count_as_nothing():
    given = parts(2, poisoned=[1])
    states, _ = trained(given, Accumulation(2, 2))
    assert int(states[2].skipped_updates) == 1
    tx_states, _ = trained(given[:1])
    moved, whole = (
        jax.tree.map(np.subtract, after.params, before.params)
        for before, after in ((states[0], states[2]), (tx_states[0], tx_states[1]))
    )
    jax.tree.map(lambda a, e: np.testing.assert_allclose(a, 0.5 * e, rtol=1e-4, atol=1e-7), moved, whole)


def test_no_update_is_made_of_no_gradient():
    """Neither the momentum nor the weight decay of an update moves the parameters."""
    tx = jaxcls.build_optimizer({"type": "SGD", "lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}, slope.params())
    values = (1.0, 1.0, np.nan, np.inf, 1.0, 1.0)
    states = slope.trained(tx, values, StepOptions(accumulation=Accumulation(2, 6)))
    for after in states[3:5]:
        jax.tree.map(
            np.testing.assert_array_equal, (states[2].params, states[2].opt_state), (after.params, after.opt_state)
        )
    assert [int(state.skipped_in_a_row) for state in states] == [0, 0, 0, 1, 2, 0, 0]
    assert int(states[6].skipped_updates) == 2
    assert not np.array_equal(states[6].params["a"], states[4].params["a"])


def test_messages():
    with pytest.raises(UserError, match="cumulative_iters: 0; expected a whole number from 1"):
        Accumulation(0)
