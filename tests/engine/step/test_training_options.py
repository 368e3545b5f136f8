"""What a config asks of the step, in whole trainings."""

from __future__ import annotations

import json

import jax
import numpy as np
import pytest

import jaxcls
from jaxcls.engine.checkpoints.storage import restore_checkpoint
from jaxcls.errors import UserError
from tests.engine.tiny import train


def lines(workdir, mode):
    (path,) = workdir.glob("*.log.json")
    return [line for line in map(json.loads, path.read_text().splitlines()) if line.get("mode") == mode]


def test_averaged_weights_are_evaluated_and_saved_beside_the_raw_ones(tmp_path):
    ema = {"momentum": 0.05, "statistics": True, "evaluate_raw": True}
    runner = train(tmp_path / "work", ema=ema, evaluation={"metric": "accuracy", "save_best": "auto"})
    logged = lines(tmp_path / "work", "val")[-1]
    names = ("accuracy_top-1", "accuracy_top-5")
    assert set(logged) >= {*names, "loss", *(f"raw_{name}" for name in names), "raw_loss"}
    assert logged["loss"] != logged["raw_loss"]
    arrays, _ = restore_checkpoint(tmp_path / "work" / "checkpoints" / "2")
    for name in ("params", "batch_stats", "ema_params", "ema_batch_stats"):
        assert jax.tree.all(jax.tree.map(np.array_equal, arrays[name], getattr(runner.state, name)))
    config = json.loads((tmp_path / "work" / "config.json").read_text())
    numbers, _ = jaxcls.evaluate_model(config, tmp_path / "work" / "checkpoints" / "2")
    assert {name: round(value, 5) for name, value in numbers.items()} == {
        name: value for name, value in logged.items() if "accuracy" in name
    }


def test_the_validation_loss_can_choose_the_best(tmp_path):
    runner = train(tmp_path, evaluation={"metric": "accuracy", "save_best": "loss"})
    losses = [line["loss"] for line in lines(tmp_path, "val")]
    best = runner.checkpoints.best
    assert (best["metric"], best["number"]) == ("loss", 1 + int(np.argmin(losses)))
    assert round(best["score"], 5) == min(losses)


@pytest.mark.parametrize(
    "precision", [pytest.param("bfloat16", marks=pytest.mark.slow), {"type": "float16", "loss_scale": 512.0}]
)
def test_a_run_in_half_precision_is_evaluated_as_it_was_logged(tmp_path, precision):
    runner = train(tmp_path, precision=precision, evaluation={"metric": "accuracy"})
    assert {leaf.dtype.name for leaf in jax.tree.leaves(runner.state.params)} == {"float32"}
    logged = lines(tmp_path, "val")[-1]
    assert np.isfinite(logged["loss"])
    config = json.loads((tmp_path / "config.json").read_text())
    numbers, _ = jaxcls.evaluate_model(config, tmp_path)
    assert round(numbers["accuracy_top-1"], 5) == logged["accuracy_top-1"]


def test_accumulation_and_clipping_from_the_config(tmp_path):
    options = {"type": "GradientCumulativeOptimizerHook", "cumulative_iters": 4, "grad_clip": {"max_norm": 0.5}}
    runner = train(tmp_path, optimizer_config=options)
    assert runner.state.accumulated is not None
    assert lines(tmp_path, "train")[-1]["grad_norm"] > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ema": {"decay": 0.99}}, "config.ema: Ema has no argument 'decay'"),
        ({"ema": {"momentum": 2}}, "config.ema: Ema: momentum=2: expected a number between 0 and 1"),
        ({"precision": "half"}, "config.precision: Precision: type='half'"),
        ({"optimizer_config": {"cumulative_iters": 0}}, "optimizer_config.cumulative_iters: 0"),
        ({"optimizer_config": {"type": "Fp16OptimizerHook"}}, "optimizer_config.type: .*set config.precision"),
        ({"runner": {"type": "IterBasedRunner", "max_epochs": 2}}, "IterBasedRunner has no argument 'max_epochs'"),
        ({"runner": {"type": "IterBasedRunner", "max_iters": 0}}, "runner.max_iters: 0; expected a whole number"),
    ],
)
def test_mistakes_leave_no_work_directory(tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        train(tmp_path / "work", **changes)
    assert not (tmp_path / "work").exists()


def test_a_validation_workflow_by_iterations(tmp_path):
    """Four iterations of training, then two of validation, in turn."""
    runner = train(
        tmp_path,
        runner={"type": "IterBasedRunner", "max_iters": 8},
        workflow=[("train", 4), ("val", 2)],
        evaluation={"interval": 100},
        log_config={"interval": 2, "hooks": [{"type": "TextLoggerHook"}]},
    )
    assert runner.iter == 8
    (path,) = tmp_path.glob("*.log.json")
    modes = [json.loads(line).get("mode") for line in path.read_text().splitlines()]
    assert [mode for mode in modes if mode] == ["train", "train", "val"] * 2
