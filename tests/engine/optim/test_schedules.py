import json
import logging
import math
import re
from pathlib import Path

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from jaxcls.engine.optim.lr_policies import POLICIES
from jaxcls.engine.optim.schedules import build_lr_schedule, build_momentum_schedule
from jaxcls.errors import UserError

GOLDEN = json.loads((Path(__file__).parents[2] / "golden/semantics/schedules.json").read_text())
EPOCHS, ITERS, BASE = GOLDEN["max_epochs"], GOLDEN["iters_per_epoch"], GOLDEN["base_lr"]
CASES = pytest.mark.parametrize("case", GOLDEN["schedules"], ids=lambda case: "-".join(case["policy"]))


def rates(config, max_epochs=EPOCHS, iters_per_epoch=ITERS, base=BASE):
    schedule = build_lr_schedule(config, base, max_epochs, iters_per_epoch)
    return np.asarray([float(schedule(step)) for step in range(max_epochs * iters_per_epoch)])


def cosine(start, end, part):
    return end + 0.5 * (start - end) * (1 + math.cos(math.pi * part))


@CASES
def test_curve_is_the_original_s(case):
    np.testing.assert_allclose(rates(case["policy"]), case["lr"], rtol=1e-5)


@CASES
def test_curve_is_the_original_s_for_a_traced_step(case):
    schedule = jax.jit(build_lr_schedule(case["policy"], BASE, EPOCHS, ITERS))
    with jax.numpy_dtype_promotion("strict"):
        actual = [float(schedule(np.int32(step))) for step in range(len(case["lr"]))]
    np.testing.assert_allclose(actual, case["lr"], rtol=1e-5)


def test_every_policy_has_a_golden_case():
    assert {case["policy"]["policy"] for case in GOLDEN["schedules"]} == set(POLICIES)


@CASES
def test_curve_holds_its_end_beyond_the_training(case):
    schedule = build_lr_schedule(case["policy"], BASE, EPOCHS, ITERS)
    assert 0 <= float(schedule(10 * EPOCHS * ITERS)) <= 1


def test_without_a_config_the_rate_is_constant():
    np.testing.assert_allclose(rates(None), BASE)


def test_policy_names_in_any_case_and_a_config_dict():
    expected = rates({"policy": "step", "step": [2, 4]})
    for policy in ("Step", "STEP"):
        np.testing.assert_array_equal(rates(ConfigDict({"policy": policy, "step": [2, 4]})), expected)


def test_length_in_iterations_counts_iterations():
    schedule = build_lr_schedule({"policy": "poly"}, BASE, None, None, max_iters=10)
    np.testing.assert_allclose([schedule(step) for step in range(10)], BASE * (1 - np.arange(10) / 10), rtol=1e-6)


def test_warm_up_in_epochs_with_a_tiny_ratio_starts_at_the_ratio():
    warmup = {"warmup": "linear", "warmup_iters": 1, "warmup_by_epoch": True, "warmup_ratio": 1e-6}
    actual = rates({"policy": "fixed", **warmup})
    expected = BASE * (1 - (1 - np.minimum(np.arange(EPOCHS * ITERS) / ITERS, 1)) * (1 - 1e-6))
    np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_cyclic_peaks_shrink_by_gamma():
    config = {
        "policy": "cyclic",
        "target_ratio": [5, 0.1],
        "cyclic_times": 2,
        "gamma": 0.5,
        "anneal_strategy": "linear",
    }
    actual = rates(config)
    np.testing.assert_allclose(actual[[0, 3, 6, 15, 18, 21]], BASE * np.asarray([1, 3, 5, 1, 2, 3]), rtol=1e-6)
    np.testing.assert_allclose(actual[24], BASE * (3 + (0.1 - 3) * 3 / 9), rtol=1e-6)


def test_cyclic_rates_of_the_defaults_are_mmcvs():
    actual = rates({"policy": "cyclic"})  # 30 iterations: up to ten times the rate at the 12th, down to its 1e-4 part
    np.testing.assert_allclose(actual[[0, 12]], [BASE, 10 * BASE], rtol=1e-6)
    np.testing.assert_allclose(actual[29], cosine(10 * BASE, 1e-4 * BASE, 17 / 18), rtol=1e-5)


def test_one_cycle_of_the_defaults_is_mmcvs():
    actual = rates(
        {"policy": "OneCycle", "max_lr": 0.5}
    )  # a 25th at first, the most at 0.3 * 30 - 1, 1e-4 of the first
    np.testing.assert_allclose(actual[[0, 8, 29]], [0.02, 0.5, 0.02e-4], rtol=1e-4)


def test_flat_cosine_annealing_begins_at_three_quarters():
    actual = rates({"policy": "FlatCosineAnnealing", "min_lr": 0, "by_epoch": False})
    np.testing.assert_allclose(actual[[0, 22, 26]], [BASE, BASE, cosine(BASE, 0, 4 / 8)], rtol=1e-5)


def test_one_cycle_in_three_phases():
    config = {"policy": "OneCycle", "max_lr": 0.5, "pct_start": 0.4, "three_phase": True, "final_div_factor": 10}
    actual = rates(config)  # phases end at 11, 22 and 29
    np.testing.assert_allclose(actual[[0, 11, 22, 29]], [0.02, 0.5, 0.02, 0.002], rtol=1e-5)
    np.testing.assert_allclose(
        actual[[5, 15, 25]],
        [cosine(*x) for x in ((0.02, 0.5, 5 / 11), (0.5, 0.02, 4 / 11), (0.02, 0.002, 3 / 7))],
        rtol=1e-5,
    )


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "policy: None is unknown"),
        ({"policy": "CosineAnealing"}, "did you mean 'CosineAnnealing'"),
        ({"policy": "step"}, "policy step needs 'step'"),
        ({"policy": "step", "step": [4, 2]}, "must increase"),
        ({"policy": "step", "step": 0}, "positive integer, got 0"),
        ({"policy": "step", "step": [2], "gama": 0.5}, "no argument 'gama'; did you mean 'gamma'"),
        ({"policy": "exp", "gamma": 0}, "positive number, got 0"),
        ({"policy": "inv", "gamma": "x"}, "lr_config"),
        ({"policy": "CosineAnnealing"}, "one of min_lr and min_lr_ratio, got None and None"),
        ({"policy": "CosineAnnealing", "min_lr": 0, "min_lr_ratio": 0.1}, "one of min_lr and min_lr_ratio"),
        ({"policy": "FlatCosineAnnealing", "min_lr": 0, "start_percent": 2}, "start_percent: 2 is not in"),
        ({"policy": "CosineRestart", "periods": [2, 3], "restart_weights": [1, 1], "min_lr": 0}, "cover 5 of .* 6"),
        ({"policy": "CosineRestart", "periods": [6], "restart_weights": [1, 1], "min_lr": 0}, "1 periods, but 2"),
        ({"policy": "cyclic", "by_epoch": True}, "goes by iteration"),
        ({"policy": "cyclic", "cyclic_times": 31}, "31 cycles do not fit 30"),
        ({"policy": "OneCycle"}, "needs 'max_lr'"),
        ({"policy": "OneCycle", "max_lr": 1, "total_steps": 29}, "29 is less than .* 30"),
        ({"policy": "OneCycle", "max_lr": 1, "anneal_strategy": "sin"}, "'sin' is not one of cos, linear"),
        ({"policy": "CosineAnnealingCooldown", "min_lr": 0}, "10 leaves nothing of .* 6"),
        ({"policy": "fixed", "warmup": "slow", "warmup_iters": 2}, "'slow' is not one of constant, linear, exp"),
        ({"policy": "fixed", "warmup": "linear"}, "warmup_iters: expected a positive integer, got 0"),
        ({"policy": "fixed", "warmup": "linear", "warmup_iters": 2, "warmup_ratio": 0}, r"a number in \(0, 1\], got 0"),
        ({"policy": "fixed", "warmup": "linear", "warmup_iters": 2**31}, "expected a positive integer, got 2147483648"),
        ({"policy": "fixed", "warmup_iters": 3}, "warmup_iters is given without warmup"),
        ({"policy": "fixed", "warmup": "exp", "warmup_iters": 2.5}, "warmup_iters: expected a positive integer"),
        ({"policy": "fixed", "warmup": "exp", "warmup_iters": 2, "warmup_ratio": 1.5}, r"in \(0, 1\], got 1.5"),
        ({"policy": "fixed", "warmup": "exp", "warmup_iters": 2, "warmup_ratio": "0.1"}, r"in \(0, 1\], got '0.1'"),
        ({"policy": "fixed", "warmup": "exp", "warmup_iters": 2, "warmup_by_epoch": 1}, "expected True or False"),
        ({"policy": "fixed", "by_epoch": "no"}, "by_epoch: expected True or False, got 'no'"),
        ({"policy": "step", "step": [2, 2]}, "must increase"),
        ({"policy": "step", "step": "2"}, r"lr_config\.step: '2'; expected a whole number or a list of whole numbers"),
        ({"policy": "step", "step": [1.5]}, r"step: \(1\.5,\); expected a whole number"),
        ({"policy": "step", "step": [2], "gamma": -0.1}, "gamma: expected a positive number, got -0.1"),
        ({"policy": "step", "step": [2], "min_lr": "x"}, "min_lr: 'x'; expected a number"),
        ({"policy": "inv", "gamma": -0.5}, "the lr at iteration 10: expected a number from 0, got inf"),
        ({"policy": "poly", "min_lr": -0.1}, "the lr at iteration 20: expected a number from 0, got -0.03"),
        ({"policy": "poly", "power": "2"}, "power: '2'; expected a number"),
        ({"policy": "LinearAnnealing", "min_lr": -1.0}, "the lr at iteration 5: expected a number from 0, got -"),
        (
            {"policy": "CosineAnnealing", "min_lr_ratio": -1.0},
            "the lr at iteration .*: .* got -",
        ),
        ({"policy": "CosineAnnealing", "min_lr": None, "min_lr_ratio": None}, "got None and None"),
        ({"policy": "CosineRestart", "periods": [0, 6], "restart_weights": [1, 1], "min_lr": 0}, "integer, got 0"),
        ({"policy": "CosineRestart", "periods": [6], "restart_weights": [-1], "min_lr": 0}, "iteration 0: .* got -0.1"),
        ({"policy": "cyclic", "target_ratio": (1, 2, 3)}, "expected a number or two"),
        ({"policy": "cyclic", "step_ratio_up": 1.0}, r"step_ratio_up: 1.0 is not in \[0, 1\)"),
        ({"policy": "cyclic", "gamma": 0.0}, r"gamma: expected a number in \(0, 1\], got 0.0"),
        ({"policy": "OneCycle", "max_lr": 0}, "max_lr: expected a positive number, got 0"),
        ({"policy": "OneCycle", "max_lr": 1, "div_factor": 0}, "div_factor: expected a positive number, got 0"),
        ({"policy": "OneCycle", "max_lr": 1, "pct_start": 0.6, "three_phase": True}, r"0.6 is not in \[0, 0.5\]"),
        ({"policy": "CosineAnnealingCooldown", "min_lr": 0, "cool_down_time": -1}, "cool_down_time: expected a number"),
    ],
)
def test_refuses_a_bad_config(config, message):
    with pytest.raises(UserError, match=message):
        build_lr_schedule(config or {"policy": None}, BASE, EPOCHS, ITERS)


def test_a_milestone_beyond_the_training_is_no_mistake():
    np.testing.assert_allclose(rates({"policy": "step", "step": [4, 100]})[[0, -1]], [BASE, BASE / 10], rtol=1e-6)


@pytest.mark.parametrize("base", [0, -0.1, float("nan"), "0.1", None])
def test_refuses_a_base_rate_that_is_none(base):
    with pytest.raises(UserError, match="the optimizer's lr: expected a positive number, got"):
        build_lr_schedule({"policy": "fixed"}, base, EPOCHS, ITERS)


def test_refuses_what_is_no_config():
    with pytest.raises(UserError, match="lr_config: expected a dict with a 'policy', got 'step'"):
        build_lr_schedule("step", BASE, EPOCHS, ITERS)


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ((None, 5, None), "one of max_epochs and max_iters"),
        ((6, 5, 30), "one of max_epochs and max_iters"),
        ((6, None, None), "iters_per_epoch"),
        ((0, 5, None), "max_epochs: expected a positive integer"),
    ],
)
def test_refuses_a_length_that_is_none(lengths, message):
    with pytest.raises(UserError, match=message):
        build_lr_schedule({"policy": "fixed"}, BASE, *lengths)


def test_refuses_epochs_where_the_length_is_in_iterations():
    with pytest.raises(UserError, match="by_epoch=True"):
        build_lr_schedule({"policy": "exp", "gamma": 0.9, "by_epoch": True}, BASE, None, 5, max_iters=30)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"policy": "step", "step": [3, 6, 9]}, "step: 6, 9 never comes, the training ends after 6 epochs"),
        ({"policy": "step", "step": 6}, "step: 6 never comes, the training ends after 6 epochs"),
        ({"policy": "step", "step": [29, 30], "by_epoch": False}, "step: 30 never comes, .* 30 iterations"),
        (
            {"policy": "CosineRestart", "periods": [4, 2, 5], "restart_weights": [1, 1, 1], "min_lr": 0},
            "periods: 6 never comes, the training ends after 6 epochs",
        ),
        (
            {"policy": "fixed", "warmup": "linear", "warmup_iters": 31},
            "the warm-up takes 31 iterations, .* after 30, .*",
        ),
        (
            {"policy": "fixed", "warmup": "exp", "warmup_iters": 7, "warmup_by_epoch": True},
            "the warm-up takes 35 iterations, the training ends after 30, before its end",
        ),
        ({"policy": "step", "step": [3, 5], "warmup": "constant", "warmup_iters": 30}, None),
        ({"policy": "CosineRestart", "periods": [4, 2], "restart_weights": [1, 1], "min_lr": 0}, None),
    ],
)
def test_what_is_never_reached_is_said(config, said, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("jaxcls"), "propagate", True)
    build_lr_schedule(config, BASE, 6, 5)
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == bool(said)
    assert not said or re.fullmatch(f"lr_config: {said}", messages[0])


def test_a_warm_up_that_is_cut_off():
    config = {"policy": "fixed", "warmup": "linear", "warmup_iters": 60, "warmup_ratio": 0.1}
    np.testing.assert_allclose(rates(config)[-1], BASE * (0.1 + 0.9 * (EPOCHS * ITERS - 1) / 60), rtol=1e-5)


def test_the_momentum_s_schedule_says_so_too(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("jaxcls"), "propagate", True)
    build_momentum_schedule({"policy": "step", "step": [9]}, 0.9, 6, 5)
    assert caplog.messages == ["momentum_config: step: 9 never comes, the training ends after 6 epochs"]
