from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxcls
from jaxcls.config.keys import DEFAULTS
from jaxcls.engine.log import get_logger
from jaxcls.engine.optim.optimisation import Optimisation
from jaxcls.engine.runner import EpochBasedRunner
from jaxcls.engine.step.accumulation import Accumulation
from jaxcls.engine.step.ema import Ema
from jaxcls.engine.step.options import StepOptions
from jaxcls.engine.step.train_step import make_train_step
from jaxcls.errors import UserError
from tests.engine import tiny
from tests.engine.step import slope
from tests.engine.step.test_train_step import ONE, batches, small


def momentums(ema, steps):
    """What each step weighs: an average of 0 that a value of 1 meets."""
    return [float(ema.update(jnp.zeros(()), jnp.ones(()), jnp.asarray(t))) for t in range(steps)]


def test_the_weight_of_a_step_is_mmcvs():
    expected = [min(0.5, (1 + t) / (10 + t)) for t in range(30)]
    np.testing.assert_allclose(momentums(Ema(momentum=0.5, warm_up=10), 30), expected, rtol=1e-6)
    expected = [0.04 if t % 2 == 0 else 0.0 for t in range(6)]
    np.testing.assert_allclose(momentums(Ema(momentum=0.2, interval=2, warm_up=2), 6), expected, rtol=1e-6)


def test_the_defaults_are_mmcvs():
    expected = [min(0.0002, (1 + t) / (100 + t)) for t in range(3)]
    np.testing.assert_allclose(momentums(Ema(), 3), expected, rtol=1e-6)


def test_the_weight_of_a_step_is_mmengines_with_gamma():
    expected = [0.9 * np.exp(-(1 + t) / 20) + 0.1 for t in range(30)]
    np.testing.assert_allclose(momentums(Ema(momentum=0.1, gamma=20), 30), expected, rtol=1e-6)


@pytest.mark.parametrize("statistics", [False, True])
def test_the_step_keeps_the_averages(statistics):
    classifier, variables = small()
    ema, tx = Ema(momentum=0.3, warm_up=1, statistics=statistics), optax.sgd(0.1)
    step = make_train_step(classifier, tx, parallel=ONE, options=StepOptions(ema=ema))
    state = jaxcls.create_train_state(variables, tx, StepOptions(ema=ema))
    params, stats = jax.device_get((state.params, state.batch_stats))
    for batch, _ in zip(batches(), range(3), strict=False):
        state, _ = step(state, batch, jax.random.key(0))
        params = jax.tree.map(lambda a, v: 0.7 * a + 0.3 * np.asarray(v), params, state.params)
        stats = jax.tree.map(lambda a, v: 0.7 * a + 0.3 * np.asarray(v), stats, state.batch_stats)
    jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-5, atol=1e-7), state.ema_params, params)
    assert state.variables["params"] is state.ema_params
    assert state.raw_variables == {"params": state.params, "batch_stats": state.batch_stats}
    if statistics:
        jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-5), state.ema_batch_stats, stats)
        assert state.variables["batch_stats"] is state.ema_batch_stats
    else:
        assert state.variables["batch_stats"] is state.batch_stats


def test_the_average_follows_each_iteration_of_an_accumulation_but_not_one_without_finite_gradients():
    ema, values = Ema(momentum=0.3, warm_up=1, statistics=True), (1.0, 2.0, 3.0, np.nan, 1.0, np.inf, np.nan)
    states = slope.trained(optax.sgd(0.1), values, StepOptions(accumulation=Accumulation(2), ema=ema))
    raw = [float(state.params["a"][0]) for state in states]
    np.testing.assert_allclose(raw, [1.0, 1.0, 0.85, 0.85, 0.7, 0.7, 0.65, 0.65], rtol=1e-6)
    average, statistic = 1.0, 0.0
    for state, value, kernel in zip(states[1:], values, raw[1:], strict=True):
        if np.isfinite(value):
            average, statistic = 0.7 * average + 0.3 * kernel, 0.7 * statistic + 0.3 * value
        np.testing.assert_allclose(state.ema_params["a"], average, rtol=1e-6)
        np.testing.assert_allclose(state.ema_batch_stats["seen"], statistic, rtol=1e-6)


@pytest.mark.parametrize("ema", [Ema(momentum=0.2, warm_up=3), Ema(momentum=0.7, interval=3), Ema(0.1, gamma=5)])
def test_what_the_first_weights_weigh_at_the_end(ema):
    average = jnp.ones(())
    for t in range(7):
        average = ema.update(average, jnp.zeros(()), jnp.asarray(t))
    np.testing.assert_allclose(ema.share_of_first(7), float(average), rtol=1e-5)


def test_a_run_that_is_too_short_for_its_averages_is_warned(caplog, monkeypatch):
    monkeypatch.setattr(get_logger(), "propagate", True)
    config = tiny.config(ema={"momentum": 1e-3})
    for epochs in (1, 300):
        Optimisation({**DEFAULTS, **config}, EpochBasedRunner, epochs, 8)
    said = (
        "ema: 99.2 % of the averages will still be the first weights, as momentum=0.001, interval=1 is slow for the run"
    )
    assert [message for message in caplog.messages if message.startswith("ema")] == [said]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"momentum": 1.5}, r"momentum=1\.5: expected a number between 0 and 1"),
        ({"interval": 0}, "interval=0"),
        ({"gamma": 0}, "gamma=0"),
    ],
)
def test_messages(arguments, message):
    with pytest.raises(UserError, match=message):
        Ema(**arguments)
