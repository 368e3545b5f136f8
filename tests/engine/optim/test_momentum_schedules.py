"""Momentum schedules against MMCV's momentum_updater.py, written out."""

from __future__ import annotations

import math

import jax
import numpy as np
import pytest

from jaxcls.engine.optim.momentum_policies import POLICIES
from jaxcls.engine.optim.schedules import build_momentum_schedule
from jaxcls.errors import UserError

EPOCHS, ITERS, BASE = 6, 5, 0.9
TOTAL = EPOCHS * ITERS


def momenta(config, base=BASE, **lengths):
    lengths = lengths or {"max_epochs": EPOCHS, "iters_per_epoch": ITERS}
    return np.asarray(jax.vmap(build_momentum_schedule(config, base, **lengths))(np.arange(TOTAL)))


def cosine(start, end, part):
    return end + 0.5 * (start - end) * (1 + math.cos(math.pi * part))


def linear(start, end, part):
    return start + (end - start) * part


def cyclic(i, base, ratios, times, up_share):
    period = TOTAL // times
    up, place = int(up_share * period), i % period
    if place < up:
        return cosine(base, base * ratios[0], place / up)
    return cosine(base * ratios[0], base * ratios[1], (place - up) / (period - up))


def one_cycle(i, bounds, anneal, pct_start=0.3):
    start = 0
    for k, end in enumerate([pct_start * TOTAL - 1, *([2 * pct_start * TOTAL - 2] if len(bounds) == 4 else [])]):
        if i <= end:
            return anneal(bounds[k], bounds[k + 1], (i - start) / (end - start))
        start = end
    return anneal(bounds[-2], bounds[-1], (i - start) / (TOTAL - 1 - start))


CASES = [
    ({"policy": "step", "step": [2, 4]}, lambda i: BASE * 0.5 ** ((i >= 10) + (i >= 20))),
    ({"policy": "step", "step": 2, "gamma": 0.8, "min_momentum": 0.6}, lambda i: max(BASE * 0.8 ** (i // 10), 0.6)),
    ({"policy": "step", "step": [12], "by_epoch": False}, lambda i: BASE * 0.5 ** (i >= 12)),
    ({"policy": "CosineAnnealing", "min_momentum": 0.5}, lambda i: cosine(BASE, 0.5, (i // 5) / EPOCHS)),
    (
        {"policy": "CosineAnnealing", "min_momentum_ratio": 0.5, "by_epoch": False},
        lambda i: cosine(BASE, BASE / 2, i / TOTAL),
    ),
    ({"policy": "LinearAnnealing", "min_momentum": 0.3}, lambda i: linear(BASE, 0.3, (i // 5) / EPOCHS)),
    ({"policy": "cyclic"}, lambda i: cyclic(i, BASE, (0.85 / 0.95, 1), 1, 0.4)),
    (
        {"policy": "cyclic", "target_ratio": [0.5, 0.9], "cyclic_times": 2, "step_ratio_up": 0.3},
        lambda i: cyclic(i, BASE, (0.5, 0.9), 2, 0.3),
    ),
    ({"policy": "OneCycle"}, lambda i: one_cycle(i, (0.95, 0.85, 0.95), cosine)),
    (
        {"policy": "OneCycle", "base_momentum": 0.5, "max_momentum": 0.8, "anneal_strategy": "linear"},
        lambda i: one_cycle(i, (0.8, 0.5, 0.8), linear),
    ),
    ({"policy": "OneCycle", "three_phase": True}, lambda i: one_cycle(i, (0.95, 0.85, 0.95, 0.95), cosine)),
]


@pytest.mark.parametrize(("config", "expected"), CASES, ids=lambda case: str(case) if isinstance(case, dict) else "")
def test_curve_is_mmcv_s(config, expected):
    np.testing.assert_allclose(momenta(config), [expected(i) for i in range(TOTAL)], rtol=1e-5)


def test_every_policy_has_a_case():
    assert {config["policy"] for config, _ in CASES} == set(POLICIES)


@pytest.mark.parametrize(
    ("warmup", "factor"),
    [
        ({"warmup": "constant", "warmup_iters": 4}, lambda i: 0.9),
        ({"warmup": "linear", "warmup_iters": 4, "warmup_ratio": 0.75}, lambda i: 1 - (1 - i / 4) * 0.25),
        ({"warmup": "exp", "warmup_iters": 4, "warmup_ratio": 0.75}, lambda i: 0.75 ** (1 - i / 4)),
    ],
)
@pytest.mark.parametrize("by_epoch", [True, False])
def test_the_warm_up_divides(warmup, factor, by_epoch):
    config = {"policy": "LinearAnnealing", "min_momentum": 0.2, "by_epoch": by_epoch}
    regular = momenta(config, 0.6)
    expected = [regular[i] / factor(i) if i < 4 else regular[i] for i in range(TOTAL)]
    np.testing.assert_allclose(momenta({**config, **warmup}, 0.6), expected, rtol=1e-5)


def test_a_length_in_iterations():
    config = {"policy": "LinearAnnealing", "min_momentum": 0.3}
    found = momenta(config, max_epochs=None, iters_per_epoch=None, max_iters=TOTAL)
    np.testing.assert_allclose(found, [linear(BASE, 0.3, i / TOTAL) for i in range(TOTAL)], rtol=1e-5)


@pytest.mark.parametrize(
    ("config", "base", "message"),
    [
        (None, 0.9, "momentum_config: expected a dict with a 'policy', got None"),
        ({"policy": "poly"}, 0.9, "momentum_config: policy: 'poly' is unknown; Allowed: CosineAnnealing, "),
        ({"policy": "Step", "step": [2], "gama": 0.1}, 0.9, "policy step has no argument 'gama'; did you mean 'gamma'"),
        (
            {"policy": "CosineAnnealing"},
            0.9,
            "one of min_momentum and min_momentum_ratio, got None and None",
        ),
        (
            {"policy": "CosineAnnealing", "min_lr": 0},
            0.9,
            "has no argument 'min_lr'; .*min_momentum, min_momentum_ratio",
        ),
        ({"policy": "OneCycle", "by_epoch": True}, 0.9, "goes by iteration"),
        ({"policy": "OneCycle", "max_momentum": 1.0}, 0.9, r"the momentum at iteration 0: .* in \[0, 1\), got 1.0"),
        ({"policy": "cyclic", "target_ratio": (0.9, 1.2)}, 0.9, r"the momentum at iteration 24: .* got 1\.01"),
        ({"policy": "step", "step": [2]}, 1.0, r"the optimizer's momentum: expected a number in \[0, 1\), got 1.0"),
        ({"policy": "step", "step": [2]}, 0.0, "the momentum is 0 throughout"),
        (
            {"policy": "step", "step": [2], "warmup": "linear", "warmup_iters": 3},
            0.9,
            r"the momentum at iteration 0: expected a number in \[0, 1\), got 1.0",
        ),
    ],
)
def test_messages(config, base, message):
    with pytest.raises(UserError, match=message):
        build_momentum_schedule(config, base, EPOCHS, ITERS)
