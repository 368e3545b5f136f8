"""Which numbers come into which line of the log."""

from __future__ import annotations

import itertools
import json
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcls.engine.hooks import EvalHook, Hook, IterTimerHook, LoggerHook
from jaxcls.engine.hooks.hook import STAGES
from jaxcls.engine.hooks.logger import _device_memory
from jaxcls.engine.log import open_log
from jaxcls.engine.runner import EpochBasedRunner, IterBasedRunner
from tests.engine.hooks.test_hooks import Checkpoints, Evaluator, logging
from tests.engine.runner.test_runner import Counting, Training, runner_for


class Putting(Hook):
    """Puts the number of its calls into the output at one stage."""

    def __init__(self, stage):
        self.calls = 0
        setattr(self, stage, self._put)

    def _put(self, runner):
        self.calls += 1
        runner.log_buffer.output["own"] = jnp.float32(self.calls)


def lines_of(tmp_path, *hooks, kind=EpochBasedRunner, length=2, workflow=(("train", 1),), interval=2):
    """(mode, epoch, iter, the other numbers) of each line of a run of four iterations an epoch, three of validation."""
    runner = runner_for(tmp_path, length, kind, checkpoints=Checkpoints(), timestamp="now")
    for hook, priority in (*hooks, *logging(interval)):
        runner.register_hook(hook, priority)
    open_log(tmp_path / "now.log")
    runner.run({"train": Training(4), "val": Counting(3)}, workflow)
    found = [json.loads(line) for line in (tmp_path / "now.log.json").read_text().splitlines()[1:]]
    skipped = ("lr", "time", "data_time")
    rest = [{k: v for k, v in line.items() if k not in skipped} for line in found]
    return [(line.pop("mode"), line.pop("epoch"), line.pop("iter"), line) for line in rest]


LOSS, VAL = {"loss": 1.0}, {"accuracy_top-1": 50.0, "accuracy_top-5": 99.0}
TRAINED = [("train", 1, 2, LOSS), ("train", 1, 4, LOSS), ("train", 2, 2, LOSS), ("train", 2, 4, LOSS)]


def with_own(line, value):
    return (*line[:3], {**line[3], "own": value})


@pytest.mark.parametrize("priority", ["HIGHEST", "NORMAL", "VERY_LOW", "LOWEST"])
@pytest.mark.parametrize(
    ("stage", "own"),
    [
        ("before_run", {0: 1.0}),
        ("before_train_epoch", {0: 1.0, 2: 2.0}),
        ("before_train_iter", {0: 2.0, 1: 4.0, 2: 6.0, 3: 8.0}),
        ("after_train_iter", {0: 2.0, 1: 4.0, 2: 6.0, 3: 8.0}),
    ],
)
def test_numbers_of_iterations_are_in_their_next_line(tmp_path, stage, own, priority):
    late = stage == "after_train_iter" and priority == "LOWEST"  # behind the loggers: in the line of the next time
    expected = [with_own(line, own[i] - late) if i in own else line for i, line in enumerate(TRAINED)]
    assert lines_of(tmp_path, (Putting(stage), priority)) == expected


def test_what_comes_after_an_epochs_last_line_is_in_no_average(tmp_path):
    runner, losses = runner_for(tmp_path, checkpoints=Checkpoints(), timestamp="now"), itertools.count(1)
    runner.train_step = lambda state, batch, key: (state, {"loss": np.float32(next(losses))})
    for hook, priority in logging(3):
        runner.register_hook(hook, priority)
    open_log(tmp_path / "now.log")
    runner.run({"train": Training(4)})
    lines = [json.loads(line) for line in (tmp_path / "now.log.json").read_text().splitlines()[1:]]
    assert [line["loss"] for line in lines] == [2.0, 6.0]  # of iterations 1 to 3 and 5 to 7


@pytest.mark.parametrize("memory", [None, 3 * 2**20 + 5])
def test_peak_memory_of_the_device(monkeypatch, memory):
    stats = None if memory is None else {"peak_bytes_in_use": memory}
    monkeypatch.setattr(jax, "local_devices", lambda: [SimpleNamespace(memory_stats=lambda: stats)])
    assert _device_memory() == (None if memory is None else 3)


@pytest.mark.parametrize("evaluated", [False, True])
@pytest.mark.parametrize("priority", ["HIGHEST", "LOW", 80, "VERY_LOW"])
def test_numbers_of_an_epoch_are_in_a_line_with_its_evaluation(tmp_path, evaluated, priority):
    evaluation = [(EvalHook(Evaluator([50.0, 50.0])), "LOW")] if evaluated else []
    lines = lines_of(tmp_path, *evaluation, (Putting("after_train_epoch"), priority))
    own = [("val", epoch, 3 if evaluated else 4, {**(VAL if evaluated else {}), "own": epoch}) for epoch in (1, 2)]
    assert lines == [*TRAINED[:2], own[0], *TRAINED[2:], own[1]]


def test_an_epoch_that_an_earlier_run_has_begun_ends_at_its_last_iteration(tmp_path):
    class Late(Putting):
        def before_run(self, runner):
            runner.iter = 4

    lines = lines_of(tmp_path, (Late("after_train_epoch"), "NORMAL"), length=1)
    assert lines == [("val", 1, 4, {"own": 1.0})]


def test_numbers_of_the_end(tmp_path):
    assert lines_of(tmp_path, (Putting("after_run"), "NORMAL")) == [*TRAINED, ("val", 2, 4, {"own": 1.0})]
    (tmp_path / "now.log.json").unlink()
    lines = lines_of(tmp_path, (Putting("after_epoch"), "NORMAL"), kind=IterBasedRunner, length=4)
    assert lines[-1] == ("val", 0, 4, {"own": 1.0})


@pytest.mark.parametrize("stage", [stage for stage in STAGES if "val" in stage])
def test_numbers_of_a_validation_workflow(tmp_path, stage):
    lines = lines_of(tmp_path, (Putting(stage), "NORMAL"), workflow=[("train", 1), ("val", 1)], length=1)
    assert lines == [*TRAINED[:2], ("val", 1, 3, {"loss": 2.0, "own": 3.0 if "iter" in stage else 1.0})]


class Telling(Hook):
    def after_train_iter(self, runner):
        runner.log_buffer.output["own"] = runner.iter
        if runner.iter == 2:
            runner.log({"told": 7.0})


def test_a_line_of_ones_own(tmp_path):
    lines = lines_of(tmp_path, (Telling(), "NORMAL"), length=1)
    assert lines == [with_own(TRAINED[0], 1), ("val", 1, 3, {"told": 7.0}), with_own(TRAINED[1], 3)]


def test_an_evaluation_of_an_iteration_comes_behind_its_line(tmp_path):
    evaluation = (EvalHook(Evaluator([50.0] * 9), 3, by_epoch=False), "LOW")
    hooks = evaluation, (Putting("after_train_iter"), "NORMAL"), (Putting("after_train_iter"), 80)
    lines = lines_of(tmp_path, *hooks, kind=IterBasedRunner, length=6, interval=3)
    # what a hook behind the evaluation puts there belongs to its line
    val = [("val", epoch, 3, {**VAL, "own": own}) for epoch, own in ((1, 3.0), (2, 6.0))]
    assert lines == [("train", 1, 3, {**LOSS, "own": 3.0}), val[0], ("train", 2, 6, {**LOSS, "own": 6.0}), val[1]]


class Noting(LoggerHook):
    """Keeps its lines."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.lines = []

    def log(self, runner, record):
        self.lines.append((record.mode, record.iter, record.step, record.values["loss"]))


class Rising(Hook):
    """The loss is the iteration's number, from 1."""

    def before_run(self, runner):
        runner.train_step = lambda state, batch, key: (state, {"loss": np.float32(runner.iter + 1)})


def test_each_logger_averages_over_its_own_interval(tmp_path):
    often, seldom = Noting(interval=2), Noting(interval=3, ignore_last=False)
    hooks = (Rising(), 0), (often, "VERY_LOW"), (seldom, "VERY_LOW")
    lines_of(tmp_path, *hooks, length=2)
    assert often.lines == [("train", 2, 2, 1.5), ("train", 4, 4, 3.5), ("train", 2, 6, 5.5), ("train", 4, 8, 7.5)]
    assert seldom.lines == [("train", 3, 3, 2.0), ("train", 4, 4, 4.0), ("train", 3, 7, 6.0), ("train", 4, 8, 8.0)]


@pytest.mark.parametrize(("loggers", "interval"), [(0, 10), (2, 10), (2, 10**9)])
@pytest.mark.parametrize("workflow", [[("train", 1)], [("train", 3), ("val", 2)]])
def test_a_long_run_keeps_few_values(tmp_path, loggers, interval, workflow):
    loggers = [Noting(interval=interval) for _ in range(loggers)]
    runner = runner_for(tmp_path, 6000, IterBasedRunner)
    for hook in (Rising(), IterTimerHook(), *loggers):
        runner.register_hook(hook)
    runner.run({"train": Training(100), "val": Counting(7)}, workflow)
    kept = [
        len(rows) for windows in runner.log_buffer.windows for rows in (windows[m].state()["rows"] for m in windows)
    ]
    assert len(kept) == 2 * len(loggers)
    assert max(kept, default=0) <= 4096
    if interval == 10**9:
        assert all(hook.lines == [("train", 6000, 6000, 3000.5)] for hook in loggers)
