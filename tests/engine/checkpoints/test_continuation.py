"""Runs that stop and go on: what comes out is what a run gives that never stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal

import jax
import numpy as np
import pytest

import jaxcls
from jaxcls.engine.checkpoints.storage import numbered, restore_checkpoint
from jaxcls.engine.hooks import Hook
from jaxcls.engine.log import get_logger
from jaxcls.engine.runner.interruption import Interrupted
from jaxcls.engine.step import parallel as parallel_module
from jaxcls.errors import UserError
from tests import recipe
from tests.engine import tiny
from tests.test_train import change, log_lines


class SignalHook(Hook):
    """Sends this process a signal in the middle of an iteration: of training, or of the validation that comes then.

    `validation` is the number of the validation's iteration, from 1; 0: it is one of training.
    """

    def __init__(self, iteration, number=signal.SIGTERM, validation=0):
        self.iteration, self.number, self.validation, self.seen = iteration, number, validation, 0

    def after_train_iter(self, runner):
        if runner.iter + 1 == self.iteration and not self.validation:
            os.kill(os.getpid(), self.number)

    def after_val_iter(self, runner):
        self.seen += runner.iter == self.iteration
        if self.validation and self.seen == self.validation:
            self.seen += 1
            os.kill(os.getpid(), self.number)


def config_of(**changes):
    config = recipe.get_config()
    config.model = tiny.model()
    config.runner.max_epochs = 2
    config.log_config.interval = 5
    change(config, changes)
    return config


def by_iteration(**changes):
    runner = {"type": "IterBasedRunner", "max_iters": 40}
    return config_of(
        runner=runner, evaluation={"interval": 15, "save_best": "auto"}, checkpoint_config={"interval": 10}, **changes
    )


def values(workdir):
    """The log without times."""
    lines = [line for line in log_lines(workdir) if "mode" in line]
    return [{k: v for k, v in line.items() if k not in ("time", "data_time")} for line in lines]


def assert_same(runner, workdir, expected, expected_workdir):
    assert jax.tree.all(jax.tree.map(np.array_equal, runner.state, expected.state))
    assert values(workdir) == values(expected_workdir)
    assert runner.checkpoints.best == expected.checkpoints.best


def interrupted_at(iteration, config, workdir, number=signal.SIGTERM, validation=0):
    name = "tests.engine.checkpoints.test_continuation:SignalHook"
    config.custom_hooks = [{"type": name, "iteration": iteration, "number": number, "validation": validation}]
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted, match=f"{signal.Signals(number).name}: stopped at epoch .*continue with --resume"):
        jaxcls.train_model(config, workdir)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


@pytest.fixture(scope="module")
def by_epochs(tmp_path_factory, tfds_data_dir):
    workdir = tmp_path_factory.mktemp("epochs") / "work"
    return jaxcls.train_model(config_of(checkpoint_config__max_keep_ckpts=-1), workdir), workdir


@pytest.fixture(scope="module")
def by_iterations(tmp_path_factory, tfds_data_dir):
    workdir = tmp_path_factory.mktemp("iterations") / "work"
    return jaxcls.train_model(by_iteration(), workdir), workdir


@pytest.mark.parametrize(
    ("iteration", "number"), [(12, signal.SIGINT), pytest.param(23, signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_an_interrupted_epoch_goes_on(by_epochs, tmp_path, iteration, number):
    interrupted_at(iteration, config_of(), tmp_path, number)
    assert [folder.name for folder in numbered(tmp_path / "interrupted")] == [str(iteration)]
    runner = jaxcls.train_model(config_of(), tmp_path, resume=True)
    assert_same(runner, tmp_path, *by_epochs)
    assert not (tmp_path / "interrupted").exists()


def test_an_epoch_end_that_was_not_finished_is_finished(by_epochs, tmp_path):
    """A run that dies between its checkpoint and its evaluation has the evaluation still to do."""
    workdir = tmp_path / "work"
    shutil.copytree(by_epochs[1], workdir)
    shutil.rmtree(workdir / "checkpoints" / "2")
    (workdir / "best.json").unlink()
    assert_same(jaxcls.train_model(config_of(), workdir, resume=True), workdir, *by_epochs)


def test_a_finished_run_stays_as_it_is(by_epochs, tmp_path):
    workdir = tmp_path / "work"
    shutil.copytree(by_epochs[1], workdir)
    assert_same(jaxcls.train_model(config_of(), workdir, resume=True), workdir, *by_epochs)


def test_a_run_by_iterations(by_iterations):
    runner, workdir = by_iterations
    assert (runner.iter, runner.epoch) == (40, 1)
    lines = values(workdir)
    assert [line["iter"] for line in lines if line["mode"] == "train"] == [5, 10, 15, 20, 25, 30, 35, 40]
    assert [i for i, line in enumerate(lines) if line["mode"] == "val"] == [3, 7]
    assert {"accuracy_top-1", "loss"} <= lines[3].keys()
    # 15 and 30 were the best when they were evaluated; only the later one and the regular ones stay
    assert runner.checkpoints.numbers == [10, 15, 20, 30, 40]
    assert "Iter [5/40]" in next(workdir.glob("*.log")).read_text()


@pytest.mark.parametrize("iteration", [13, pytest.param(30, marks=pytest.mark.slow)])
def test_an_interrupted_run_by_iterations_goes_on(by_iterations, tmp_path, iteration):
    interrupted_at(iteration, by_iteration(), tmp_path)
    runner = jaxcls.train_model(by_iteration(), tmp_path, resume=True)
    assert_same(runner, tmp_path, *by_iterations)


@pytest.mark.parametrize(
    ("make", "workflow", "iteration", "validation"),
    [
        (config_of, [("train", 1), ("val", 1)], 23, 2),
        (config_of, [("val", 1), ("train", 2), ("val", 2)], 46, 8),  # in the second of two
        (by_iteration, [("train", 7), ("val", 4)], 14, 2),
        (by_iteration, [("train", 7), ("val", 4)], 17, 0),
    ],
)
def test_a_validation_that_was_interrupted_is_repeated(tmp_path, make, workflow, iteration, validation):
    """From its beginning, and with the images that it would have had."""
    changes = {"workflow": workflow, "log_config__interval": 3, "data__batch_size": 64}
    expected = jaxcls.train_model(make(**changes), tmp_path / "whole")
    interrupted_at(iteration, make(**changes), tmp_path / "work", validation=validation)
    runner = jaxcls.train_model(make(**changes), tmp_path / "work", resume=True)
    assert_same(runner, tmp_path / "work", expected, tmp_path / "whole")


def test_an_iteration_that_was_not_finished_is_finished(by_iterations, tmp_path):
    """Checkpoint 30 was saved before the evaluation of iteration 30 and before its log line."""
    workdir = tmp_path / "work"
    shutil.copytree(by_iterations[1], workdir)
    shutil.rmtree(workdir / "checkpoints" / "40")
    assert_same(jaxcls.train_model(by_iteration(), workdir, resume=True), workdir, *by_iterations)


def test_an_iteration_within_an_epoch_that_was_not_finished_is_finished(tmp_path):
    """Checkpoint 12, the fourth of the second epoch, was saved before that iteration's log line."""
    changes = {
        "checkpoint_config": {"interval": 4, "by_epoch": False},
        "log_config": {"interval": 4, "hooks": [{"type": "TextLoggerHook"}]},
    }
    whole = tiny.train(tmp_path / "whole", **changes)
    shutil.copytree(tmp_path / "whole", tmp_path / "work")
    shutil.rmtree(tmp_path / "work" / "checkpoints" / "16")
    continued = tiny.train(tmp_path / "work", resume=True, **changes)
    assert_same(continued, tmp_path / "work", whole, tmp_path / "whole")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data__batch_size": 32}, "batch_size was 64 when the checkpoint was saved and is 32 now"),
        ({"seed": 1}, "seed was 0 .* and is 1 now"),
        ({"data__train__split": "train[:1000]"}, "samples was 1437 .* and is 1000 now"),
        ({"optimizer": {"type": "Adam", "lr": 0.1}}, "optimizer was 'SGD' .* and is 'Adam' now|another model or opt"),
        ({"evaluation__by_epoch": False}, "numbered_by was 'epoch' .* and is 'iteration' now"),
        ({"model__backbone__norm_cfg": {"type": "GN", "num_groups": 2}}, "of another model or optimiser"),
        ({"ema": {"momentum": 0.1}}, "it lacks ema_params"),
        ({"resume_from": "nowhere/checkpoints/1"}, "nowhere/checkpoints/1 does not exist"),
    ],
)
def test_a_run_that_cannot_go_on_is_refused(by_epochs, tmp_path, changes, message):
    workdir = tmp_path / "work"
    shutil.copytree(by_epochs[1], workdir)
    resume = "resume_from" not in changes
    with pytest.raises(UserError, match=message):
        jaxcls.train_model(config_of(**changes), workdir if resume else tmp_path / "new", resume=resume)
    assert values(workdir) == values(by_epochs[1])
    assert [folder.name for folder in numbered(workdir / "checkpoints")] == ["1", "2"]


def test_resume_from_another_work_directory(by_epochs, tmp_path):
    workdir = tmp_path / "work"
    source = by_epochs[1] / "checkpoints" / "1"
    runner = jaxcls.train_model(config_of(resume_from=str(source)), workdir)
    assert jax.tree.all(jax.tree.map(np.array_equal, runner.state, by_epochs[0].state))
    with pytest.raises(UserError, match="is followed by 2, which would be overwritten"):
        jaxcls.train_model(config_of(resume_from=str(source)), by_epochs[1])


def test_a_run_that_another_one_goes_on_from_stays_as_it_is(tmp_path):
    source = tmp_path / "source"
    jaxcls.train_model(config_of(evaluation__save_best="auto"), source)
    (source / "checkpoints" / "9").mkdir()  # damaged
    before = {path: path.read_bytes() for path in source.rglob("*") if path.is_file()}
    runner = jaxcls.train_model(config_of(resume_from=str(source), runner__max_epochs=3), tmp_path / "work")
    assert runner.epoch == 3
    assert {path: path.read_bytes() for path in source.rglob("*") if path.is_file()} == before
    assert (source / "checkpoints" / "9").is_dir()


def test_fine_tuning_leaves_a_head_that_differs(by_epochs, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(get_logger(), "propagate", True)
    head = {"type": "StackedLinearClsHead", "num_classes": 10, "in_channels": 16, "mid_channels": [16]}
    config = config_of(model__head=head, load_from=str(by_epochs[1]), optimizer__lr=1e-12)
    config.runner.max_epochs = 1
    runner = jaxcls.train_model(config, tmp_path / "work")
    best = by_epochs[0].checkpoints.best["number"]
    arrays, _ = restore_checkpoint(by_epochs[1] / "checkpoints" / str(best))
    for own, given in zip(
        jax.tree.leaves(runner.state.params["backbone"]), jax.tree.leaves(arrays["params"]["backbone"]), strict=True
    ):
        np.testing.assert_allclose(own, given, atol=1e-6)
    left = "head.layers.0.fc.bias (not there, (16,) here), head.layers.0.fc.kernel (not there, (16, 16) here)"
    assert f"checkpoints/{best}; left as initialised: {left}" in caplog.text


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer_config__lookahead": {"sync_period": 1, "slow_step_size": 1e-6}},
        {"optimizer": {"type": "dog", "lr": 1e-9}},
        {"ema": {"momentum": 1e-6, "statistics": True}},
    ],
)
def test_what_remembers_the_first_weights_remembers_the_loaded_ones(by_epochs, tmp_path, changes):
    config = config_of(load_from=str(by_epochs[1]), runner__max_epochs=1, **changes)
    state, loaded = jaxcls.train_model(config, tmp_path / "work").state, by_epochs[0].state.params
    remembered = jax.tree.leaves(state.ema_params if "ema" in changes else state.params)
    if "optimizer" in changes:
        found = jax.tree.leaves_with_path(state.opt_state)
        remembered = [leaf for path, leaf in found if "init_params" in jax.tree_util.keystr(path)]
    for leaf, expected in zip(remembered, jax.tree.leaves(loaded), strict=True):
        np.testing.assert_allclose(leaf, expected, rtol=1e-3, atol=1e-4)


def test_weights_of_another_backbone_are_refused(by_epochs, tmp_path):
    config = config_of(model__backbone__norm_cfg={"type": "GN", "num_groups": 2}, load_from=str(by_epochs[1]))
    with pytest.raises(UserError, match=r"it has batch_stats\.backbone\.bn1\.mean, unknown here"):
        jaxcls.train_model(config, tmp_path / "work")
    assert not (tmp_path / "work").exists()


def test_a_pretrained_backbone(by_epochs, tmp_path):
    init_cfg = {"type": "Pretrained", "checkpoint": str(by_epochs[1] / "checkpoints" / "1"), "prefix": "backbone"}
    config = config_of(model__backbone__init_cfg=init_cfg, optimizer__lr=1e-12, runner__max_epochs=1)
    runner = jaxcls.train_model(config, tmp_path / "work", validate=False)
    arrays, _ = restore_checkpoint(by_epochs[1] / "checkpoints" / "1")
    own, given = runner.state.params["backbone"], arrays["params"]["backbone"]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), own, given)
    assert not np.allclose(runner.state.params["head"]["fc"]["kernel"], arrays["params"]["head"]["fc"]["kernel"])
    init_cfg["prefix"] = "body"
    message = r"model\.backbone\.init_cfg: checkpoint .*/1 has no name after prefix='body'; .*Allowed: backbone, head"
    with pytest.raises(UserError, match=message):
        jaxcls.train_model(config_of(model__backbone__init_cfg=init_cfg), tmp_path / "new")


@pytest.mark.parametrize("resume", [False, True])
def test_nothing_to_resume_from(tmp_path, resume):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty holds no checkpoint"):
        jaxcls.train_model(config_of(resume_from=str(tmp_path / "empty")), tmp_path / "work", resume=resume)


def test_position_is_json(by_epochs):
    _, meta = restore_checkpoint(by_epochs[1] / "checkpoints" / "1")
    assert meta == json.loads(json.dumps(meta))
    assert (meta["epoch"], meta["iter"], meta["stage"], meta["samples"]) == (1, 23, "after_train_epoch", 1437)


@pytest.mark.parametrize(
    "modes", [("pmap", "fsdp"), ("fsdp", "shard_map"), ("fsdp", {"mode": "fsdp", "shards": 2})], ids=str
)
def test_a_run_goes_on_in_another_mode(modes, tmp_path, monkeypatch):
    monkeypatch.setattr(parallel_module, "MIN_SHARDED_SIZE", 1)
    first, second = modes
    whole = tiny.train(tmp_path / "work", parallel=first)
    expected = jax.device_get(whole.state)
    shutil.rmtree(tmp_path / "work" / "checkpoints" / "2")
    runner = tiny.train(tmp_path / "work", parallel=second, resume=True)
    assert runner.iter == whole.iter
    kernel = runner.state.params["backbone"]["conv1"]["kernel"]
    parts = {"pmap": 1, "shard_map": 1, "fsdp": 8}[second] if isinstance(second, str) else second["shards"]
    assert kernel.addressable_shards[0].data.size * parts == kernel.size
    jax.tree.map(
        lambda found, wanted: np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5),
        jax.device_get(runner.state),
        expected,
    )
