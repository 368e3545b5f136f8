from __future__ import annotations

import jax
import numpy as np
import optax
import pytest

from jaxcls.config.keys import DEFAULTS
from jaxcls.engine.optim import build_optimizer
from jaxcls.engine.optim.lookahead import Lookahead
from jaxcls.engine.optim.optimisation import Optimisation
from jaxcls.engine.runner import EpochBasedRunner
from jaxcls.errors import UserError
from tests.engine import tiny

STEPS = 11
RNG = np.random.default_rng(0)
START, GRADIENTS = RNG.standard_normal((3, 2)), RNG.standard_normal((STEPS, 3, 2))


def trained(lookahead, steps=STEPS):
    """The weights after each step of SGD with momentum."""
    tx = build_optimizer({"type": "SGD", "lr": 0.1, "momentum": 0.9}, {"kernel": START.astype(np.float32)})
    tx = lookahead.wrap(tx, STEPS)
    params = {"kernel": START.astype(np.float32)}
    state, found = tx.init(params), []
    update = jax.jit(tx.update)
    for t, gradient in enumerate(GRADIENTS[:steps].astype(np.float32)):
        moves, state = update({"kernel": gradient}, state, params, step=np.int32(t))
        params = optax.apply_updates(params, moves)
        found.append(params["kernel"])
    return found


@pytest.mark.parametrize(
    ("arguments", "share"),
    [
        ({"sync_period": 4, "slow_step_size": 0.3}, lambda t: 0.3),
        ({"sync_period": 5, "slow_step_size": 1 - 0.95**5, "power": 3}, lambda t: 1 - 0.95**5 * (t / STEPS) ** 3),
        ({"sync_period": 2, "slow_step_size": 1.0}, lambda t: 1.0),
        ({"sync_period": 11}, lambda t: 0.5),  # due at the last
    ],
)
def test_lookahead_against_its_definition(arguments, share):
    fast, slow, trace = START, START, np.zeros_like(START)
    for t, found in enumerate(trained(Lookahead(**arguments)), 1):
        trace = 0.9 * trace + GRADIENTS[t - 1]
        fast = fast - 0.1 * trace
        if t % arguments["sync_period"] == 0:
            slow = fast = slow + share(t) * (fast - slow)
        if t == STEPS:
            fast = slow
        np.testing.assert_allclose(found, fast, rtol=1e-5, atol=1e-6)


def test_a_config_asks_for_it():
    config = {**DEFAULTS, **tiny.config(optimizer_config={"lookahead": {"sync_period": 2}})}
    params = {"kernel": np.ones((2, 2), np.float32)}
    state = Optimisation(config, EpochBasedRunner, 1, 8).build_tx(params).init(params)
    np.testing.assert_array_equal(state.slow["kernel"], params["kernel"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sync_period": 0}, "sync_period: expected a positive integer, got 0"),
        ({"slow_step_size": 0}, r"slow_step_size: expected a number in \(0, 1\], got 0"),
        ({"power": -1}, "power: expected a number from 0, got -1"),
    ],
)
def test_messages(arguments, message):
    with pytest.raises(UserError, match=message):
        Lookahead(**arguments)
