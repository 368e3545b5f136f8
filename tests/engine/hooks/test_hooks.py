from __future__ import annotations

import datetime
import itertools
import json
import math
import re
import time

import pytest

from jaxcls.engine.hooks import (
    CheckInvalidLossHook,
    CheckpointHook,
    EvalHook,
    Hook,
    IterTimerHook,
    TensorboardLoggerHook,
    TextLoggerHook,
)
from jaxcls.engine.hooks.evaluation import monitored
from jaxcls.engine.hooks.hook import priority_value
from jaxcls.engine.log import get_logger, open_log
from jaxcls.engine.runner import EpochBasedRunner, IterBasedRunner
from jaxcls.errors import UserError
from jaxcls.metrics import Number
from tests.engine.runner.test_runner import Counting, Training, runner_for


class Evaluator:
    """Gives the listed scores, one an evaluation."""

    def __init__(self, scores, loader=None, name="accuracy_top-1"):
        self.scores, self.loader, self.name = iter(scores), loader or Counting(3), name

    def numbers(self, metric, options, where):
        better = "less" if "loss" in self.name else "greater"
        return Number(self.name, better), Number("accuracy_top-5", "greater")

    def evaluate(self, variables, metric, options, keep, with_loss):
        return {self.name: next(self.scores), "accuracy_top-5": 99.0}


class Checkpoints:
    """What the hooks ask of checkpoints."""

    def __init__(self, directory="checkpoints"):
        self.numbers, self.best, self.max_to_keep, self.directory = [], None, None, directory

    def save(self, number, state, meta):
        self.numbers.append(number)

    def set_best(self, number, metric, score):
        self.best = {"number": number, "metric": metric, "score": score}

    def wait(self):
        pass


def run(tmp_path, *hooks, max_epochs=2, iters=5):
    runner = runner_for(tmp_path, max_epochs, checkpoints=Checkpoints(), timestamp="now", meta={"seed": 3})
    for hook, priority in hooks:
        runner.register_hook(hook, priority)
    open_log(tmp_path / "now.log")
    runner.run({"train": Training(iters)})
    lines = [json.loads(line) for line in (tmp_path / "now.log.json").read_text().splitlines()]
    return runner, (tmp_path / "now.log").read_text(), lines


def logging(interval, **kwargs):
    return (IterTimerHook(), "LOW"), (TextLoggerHook(interval, **kwargs), "VERY_LOW")


def test_priorities_are_the_originals():
    names = ("HIGHEST", "VERY_HIGH", "HIGH", "ABOVE_NORMAL", "NORMAL", "BELOW_NORMAL", "LOW", "VERY_LOW", "LOWEST")
    assert [priority_value(name.lower()) for name in names] == [0, 10, 30, 40, 50, 60, 70, 90, 100]
    assert [priority_value(value) for value in (0, 100)] == [0, 100]
    for value in (-1, 101, "high est"):
        with pytest.raises(UserError, match=f"priority: '?{value}"):
            priority_value(value)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("what", ["iter", "epoch"])
def test_moments_of_both_kinds_come_in_training_and_in_validation(when, what):
    class Counted(Hook):
        count = 0

    def come(self, runner):
        self.count += 1

    setattr(Counted, f"{when}_{what}", come)
    hook = Counted()
    for mode in ("train", "val"):
        getattr(hook, f"{when}_{mode}_{what}")(None)
    assert hook.count == 2


@pytest.mark.parametrize("kind", [TextLoggerHook, TensorboardLoggerHook])
def test_what_a_logger_has_not_yet_averaged_goes_on(kind):
    hook, continued = kind(), kind()
    hook.windows["train"].add({"loss": 2.0}, 3)
    hook.windows["val"].note({"accuracy": 50.0})
    continued.restore(hook.state())
    assert continued.windows["train"].take() == {"loss": 2.0}
    assert continued.windows["val"].take() == {"accuracy": 50.0}


def test_both_logs_have_the_originals_form(tmp_path, golden):
    evaluation = (EvalHook(Evaluator([50.0, 60.123456])), "LOW")
    _, text, lines = run(tmp_path, evaluation, *logging(2))
    original = [json.loads(line) for line in (golden / "semantics" / "original.log.json").read_text().splitlines()]
    assert lines[0] == {"seed": 3}
    trained = [line for line in lines[1:] if line["mode"] == "train"]
    assert list(trained[0]) == list(original[1]) == ["mode", "epoch", "iter", "lr", "data_time", "loss", "time"]
    assert [(line["epoch"], line["iter"]) for line in trained] == [(1, 2), (1, 4), (2, 2), (2, 4)]
    assert [line["lr"] for line in trained] == [0.05, 0.025, round(0.1 / 7, 5), round(0.1 / 9, 5)]
    validated = [line for line in lines[1:] if line["mode"] == "val"]
    assert list(validated[0]) == list(original[4])
    assert validated[1] == {
        "mode": "val",
        "epoch": 2,
        "iter": 3,
        "lr": 0.01,
        "accuracy_top-1": 60.12346,
        "accuracy_top-5": 99.0,
    }
    train_line = (
        r"Epoch \[1\]\[2/5\]\tlr: 5\.000e-02, eta: 0:00:00, time: \d\.\d{3}, data_time: \d\.\d{3}, loss: 1\.0000\n"
    )
    stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} - jaxcls - INFO - "
    assert re.search(stamp + train_line, text)
    assert re.search(stamp + r"Epoch\(val\) \[2\]\[3\]\taccuracy_top-1: 60\.1235, accuracy_top-5: 99\.0000\n", text)


@pytest.fixture
def spend(monkeypatch):
    """Lets time pass, for the runner's clock: the only time there is."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return lambda seconds: now.__setitem__(0, now[0] + seconds)


class Spending(Hook):
    """An iteration takes two seconds, its data one; the first one's data ten and its compilation a hundred."""

    def __init__(self, spend):
        self.spend = spend

    def before_run(self, runner):
        step, loader, spend = runner.train_step, runner.train_batches, self.spend
        runner.train_batches = (spend(10 if i == 0 else 1) or batch for i, batch in enumerate(loader))
        costs = itertools.chain([100], itertools.repeat(0))
        runner.train_step = lambda *arguments: (spend(next(costs)), step(*arguments))[1]

    def before_train_iter(self, runner):
        self.spend(2)


class SlowEvaluator(Evaluator):
    def evaluate(self, *arguments, **keywords):
        self.spend(50)
        return super().evaluate(*arguments, **keywords)


@pytest.mark.parametrize("done", [0, 5])  # iterations that an earlier run has done
@pytest.mark.parametrize("kind", [EpochBasedRunner, IterBasedRunner])
def test_the_time_left_counts_neither_compilation_nor_evaluation(tmp_path, spend, kind, done):
    evaluator = SlowEvaluator(itertools.repeat(1.0))
    evaluator.spend, by_epoch = spend, kind is EpochBasedRunner
    runner = runner_for(tmp_path, 2 if by_epoch else 10, kind, checkpoints=Checkpoints(), timestamp="now")
    hooks = (Spending(spend), 100), (EvalHook(evaluator, 1, by_epoch=by_epoch), "LOW"), *logging(1)
    for hook, priority in hooks:
        runner.register_hook(hook, priority)
    runner.iter, runner.epoch = done, done // 5
    open_log(tmp_path / "now.log")
    runner.run({"train": Training(5)})
    text = (tmp_path / "now.log").read_text()
    left = [(9 - i) * (12 if i == done else 3) for i in range(done, 10)]  # the first one's data is all that is known
    assert re.findall(r"eta: (\S+),", text) == [str(datetime.timedelta(seconds=seconds)) for seconds in left]
    assert re.findall(r" time: (\S+),", text) == ["12.000"] + ["3.000"] * (9 - done)
    assert re.findall(r"data_time: (\S+),", text) == ["10.000"] + ["1.000"] * (9 - done)


@pytest.mark.parametrize(("ignore_last", "expected"), [(True, [3]), (False, [3, 5])])
def test_the_rest_of_an_epoch(tmp_path, ignore_last, expected):
    lines = run(tmp_path, *logging(3, ignore_last=ignore_last), max_epochs=1)[2]
    assert [line["iter"] for line in lines[1:]] == expected


def test_at_least_one_line_an_epoch(tmp_path):
    lines = run(tmp_path, *logging(100))[2]
    assert [(line["epoch"], line["iter"]) for line in lines[1:]] == [(1, 5), (2, 5)]


def test_several_loggers_see_the_same_values(tmp_path):
    hooks = [(TextLoggerHook(2), "VERY_LOW"), (TextLoggerHook(2), "VERY_LOW"), (IterTimerHook(), "LOW")]
    lines = run(tmp_path, *hooks, max_epochs=1)[2]
    assert lines[0] == lines[1]
    assert lines[2] == lines[3] != lines[4]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, [1, 2, 3, 4, 5]),
        ({"interval": 2}, [2, 4, 5]),
        ({"interval": 2, "save_last": False}, [2, 4]),
        ({"interval": -1}, [5]),
    ],
)
def test_checkpoints_by_interval(tmp_path, arguments, expected):
    runner = run(tmp_path, (CheckpointHook(max_keep_ckpts=2, **arguments), "NORMAL"), *logging(9), max_epochs=5)[0]
    assert runner.checkpoints.numbers == expected
    assert runner.checkpoints.max_to_keep == 2


@pytest.mark.parametrize(("kept", "expected"), [(-1, None), (0, None), (1, 1)])
def test_how_many_checkpoints_stay(tmp_path, kept, expected):
    runner = run(tmp_path, (CheckpointHook(max_keep_ckpts=kept), "NORMAL"), *logging(9))[0]
    assert runner.checkpoints.max_to_keep == expected


@pytest.mark.parametrize(
    ("arguments", "epochs"),
    [({}, 5), ({"interval": 2}, 2), ({"start": 3}, 3), ({"start": 2, "interval": 2}, 2)],
)
def test_evaluations_by_interval(tmp_path, arguments, epochs):
    lines = run(tmp_path, (EvalHook(Evaluator(range(10)), **arguments), "LOW"), *logging(9), max_epochs=5)[2]
    assert len([line for line in lines[1:] if line["mode"] == "val"]) == epochs


def test_the_best_is_noted_and_saved(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(get_logger(), "propagate", True)
    scores = [0.0, 50.0, math.nan, 50.0, 40.0]
    hook = EvalHook(Evaluator(scores), save_best="auto")
    runner = run(tmp_path, (CheckpointHook(interval=4), "NORMAL"), (hook, "LOW"), *logging(9), max_epochs=5)[0]
    # a score of 0 counts, NaN never does, and the older of two equal ones stays
    assert runner.checkpoints.best == {"number": 2, "metric": "accuracy_top-1", "score": 50.0}
    assert runner.checkpoints.numbers == [1, 2, 4, 5]
    said = [record.getMessage() for record in caplog.records if record.getMessage().startswith("Best")]
    assert said == [
        f"Best accuracy_top-1 is {score}.0000 at {n} epoch, checkpoint {n}" for n, score in ((1, 0), (2, 50))
    ]


def test_smaller_losses_are_better(tmp_path):
    hook = EvalHook(Evaluator([3.0, 1.0, 2.0], name="loss"), save_best="loss")
    runner = run(tmp_path, (hook, "LOW"), *logging(9), max_epochs=3)[0]
    assert runner.checkpoints.best["number"] == 2


NUMBERS = (
    Number("recall", None, scalar=False),
    Number("support", None),
    Number("accuracy_top-1", "greater"),
    Number("accuracy_top-5", "greater"),
    Number("class_accuracy/cat", "greater"),
    Number("loss", "less"),
)


@pytest.mark.parametrize(
    ("name", "rule", "better"),
    [
        ("accuracy_top-5", None, "greater"),
        ("loss", None, "less"),
        ("loss", "greater", "greater"),
        ("support", "less", "less"),
        ("class_accuracy/cat", None, "greater"),
    ],
)
def test_what_is_better(name, rule, better):
    assert monitored("save_best", name, rule, NUMBERS) == Number(name, better)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("acc", "evaluation.save_best: 'acc' is not evaluated; evaluation.metric says what is; "
                "did you mean 'accuracy_top-1' or 'accuracy_top-5'"),
        ("recall", "'recall' is not a single number; Allowed: accuracy_top-1"),
        ("support", "neither more nor less of 'support' is better by itself; give rule"),
        ("class_accuracy/dog", "did you mean 'class_accuracy/cat'"),
    ],
)  # fmt: skip
def test_what_cannot_be_the_best_is_said_before_the_start(tmp_path, name, message):
    evaluator = Evaluator([1.0])
    evaluator.numbers = lambda *_: NUMBERS[:-1]
    runner = runner_for(tmp_path, 2)
    runner.register_hook(EvalHook(evaluator, save_best=name))
    with pytest.raises(UserError, match=message):
        runner.check({"train": Training(1)}, [("train", 1)])


def test_of_many_numbers_those_of_single_classes_are_not_listed():
    numbers = [Number("loss", "less"), *(Number(f"class_accuracy/{i}", "greater") for i in range(40))]
    with pytest.raises(UserError, match=r"Allowed: loss$|allowed: loss$"):
        monitored("save_best", "speed", None, numbers)


def test_the_best_by_itself_is_the_first_number_that_can_be_compared(tmp_path):
    evaluator = Evaluator([1.0])
    evaluator.numbers = lambda *_: NUMBERS
    hook, runner = EvalHook(evaluator, save_best="auto"), runner_for(tmp_path, 2)
    hook.check(runner)
    assert hook.best == Number("accuracy_top-1", "greater")


def warnings_of(tmp_path, hook, **kwargs):
    text = run(tmp_path, *logging(9), (hook, None), **kwargs)[1]
    return [line.partition("WARNING - ")[2] for line in text.splitlines() if "WARNING" in line]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"interval": 3}, "evaluation: the first is due after 3 epochs, the run has 2: none"),
        ({"start": 3}, "evaluation: the first is due after 3 epochs, the run has 2: none"),
        ({"interval": 3, "start": 0}, "evaluation: the first is due after 3 epochs, the run has 2: none"),
        ({"interval": 11, "by_epoch": False}, "evaluation: the first is due after 11 iterations, the run has 10: none"),
        ({"by_epoch": False}, "evaluation.interval: 1 evaluates after every one of the 10 iterations"),
        ({"interval": 9, "start": 2}, None),
        ({"interval": 10, "by_epoch": False}, None),
    ],
)
def test_an_evaluation_that_never_comes_or_always(tmp_path, arguments, said):
    assert warnings_of(tmp_path, EvalHook(Evaluator(range(10)), **arguments)) == ([said] if said else [])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"interval": 3}, "checkpoint_config.interval: 3 never comes in 2 epochs: only the last one is saved"),
        ({"interval": -1, "save_last": False}, "checkpoint_config.interval: -1 never comes in 2 epochs: none is saved"),
        ({"interval": 11, "by_epoch": False, "save_last": False}, "checkpoint_config.interval: 11 never comes in "
                                                                  "10 iterations: none is saved"),
        ({"by_epoch": False}, "checkpoint_config.interval: 1 saves after every one of the 10 iterations"),
        ({"interval": -1}, None),
        ({"interval": 2}, None),
    ],
)  # fmt: skip
def test_a_checkpoint_that_never_comes_or_always(tmp_path, arguments, said):
    assert warnings_of(tmp_path, CheckpointHook(**arguments)) == ([said] if said else [])


def test_a_check_that_never_comes(tmp_path):
    said = ["CheckInvalidLossHook: interval=11 never comes in 10 iterations: it does nothing"]
    assert warnings_of(tmp_path, CheckInvalidLossHook(interval=11)) == said


def test_an_iteration_runner_has_no_epochs_to_count(tmp_path):
    runner = runner_for(tmp_path)
    runner.by_epoch = False
    for hook, where in ((EvalHook(Evaluator([])), "evaluation"), (CheckpointHook(), "checkpoint_config")):
        with pytest.raises(UserError, match=rf"{where}.by_epoch: True, but \w+ counts iterations; leave it out"):
            hook.check(runner)


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("rule", ["greater", "less"])
def test_what_is_not_finite_is_never_the_best(tmp_path, score, rule):
    hook = EvalHook(Evaluator([score, 1.0, score]), save_best="accuracy_top-1", rule=rule)
    runner = run(tmp_path, (hook, "LOW"), *logging(9), max_epochs=3)[0]
    assert runner.checkpoints.best["score"] == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rule": "bigger"}, "evaluation.rule: 'bigger'; allowed: greater, less"),
        ({"interval": 0}, "evaluation.interval: 0"),
        ({"start": -1}, "evaluation.start: -1; allowed: 0 or more"),
    ],
)
def test_messages(arguments, message):
    with pytest.raises(UserError, match=message):
        EvalHook(Evaluator([]), **arguments)
