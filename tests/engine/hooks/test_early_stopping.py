from __future__ import annotations

import math
import shutil

import pytest

from jaxcls.engine.hooks import EarlyStoppingHook, EvalHook
from jaxcls.errors import UserError
from tests.engine.hooks.test_hooks import Evaluator
from tests.engine.runner.test_runner import Training, runner_for
from tests.engine.tiny import hook_of, train

MONITOR = {"type": "EarlyStoppingHook", "monitor": "accuracy_top-1"}


class Runner:
    """What the hook asks of a runner, at the end of one evaluated epoch after another."""

    by_epoch = True

    def __init__(self):
        self.reason, self.warnings, self.logger = None, [], self

    def request_stop(self, reason):
        self.reason = reason

    def warning(self, form, message):
        self.warnings.append(message)


def stops_after(scores, monitor="accuracy_top-1", **arguments):
    """(evaluations until the hook asks for the end, its reason); None where it does not."""
    hook, runner = EarlyStoppingHook(monitor, **arguments), Runner()
    runner.hooks = [EvalHook(Evaluator([]))]
    hook.check(runner)
    for number, score in enumerate(scores, 1):
        runner.evaluation = {monitor: score}
        hook.after_train_epoch(runner)
        if runner.reason:
            return number, runner.reason
    return None


@pytest.mark.parametrize(
    ("scores", "arguments", "expected"),
    [
        ([50, 50.05, 50.09, 50.1, 50.1], {"patience": 3}, None),  # each compared with the best, not the latest
        ([50, 50.05, 50.09, 50.05], {"patience": 3}, 4),
        ([50, 40, 60, 50, 50], {"patience": 2}, 5),
        ([50, 51, 50], {"patience": 1, "min_delta": 1.0}, 3),
        ([1.0, 0.8, 0.75, 0.71], {"patience": 2, "monitor": "loss"}, 4),
        ([1.0, 2.0, 3.0], {"patience": 1, "monitor": "loss", "rule": "greater"}, None),
        ([50, math.nan], {}, 2),
        ([50, math.inf], {}, 2),
        ([math.nan, 50, math.nan, 60], {"check_finite": False, "patience": 2}, None),
        ([math.nan, math.nan], {"check_finite": False, "patience": 2}, 2),
        ([math.inf, 50, math.inf, 60], {"check_finite": False, "patience": 2}, None),
        ([50, math.inf, math.inf], {"check_finite": False, "patience": 2, "stopping_threshold": 90}, 3),
        ([0.5, -math.inf, -math.inf], {"check_finite": False, "patience": 2, "monitor": "loss"}, 3),
        ([50, 90, 90.1], {"stopping_threshold": 90}, 3),
        ([0.5, 0.2], {"monitor": "loss", "stopping_threshold": 0.3}, 2),
    ],
)
def test_mmengines_rules(scores, arguments, expected):
    found = stops_after(scores, **arguments)
    assert (found and found[0]) == expected


def test_reasons():
    assert stops_after([50, 40], patience=1)[1] == (
        "accuracy_top-1 has not improved by 0.1 in 1 evaluations; the best was 50.0000"
    )
    assert stops_after([math.nan])[1] == "accuracy_top-1 is nan; the best was none"
    assert stops_after([91], stopping_threshold=90)[1] == "accuracy_top-1 is 91.0000, beyond the threshold of 90"


def test_a_number_that_is_not_evaluated():
    runner, hook = Runner(), EarlyStoppingHook("precision")
    runner.evaluation = None  # after this epoch
    hook.after_train_epoch(runner)
    assert runner.warnings == []
    runner.evaluation = {"accuracy_top-1": 1.0}
    hook.after_train_epoch(runner)
    assert runner.warnings == ["EarlyStoppingHook.monitor: 'precision'; evaluated are accuracy_top-1"]
    with pytest.raises(UserError, match="monitor: 'precision'; evaluated are accuracy_top-1"):
        EarlyStoppingHook("precision", strict=True).after_train_epoch(runner)


def test_a_run_without_evaluation_says_that_nothing_stops_it():
    runner, hook = Runner(), EarlyStoppingHook("accuracy_top-1")
    runner.warning = runner.warnings.append
    for hooks, said in (([hook, EvalHook(Evaluator([]))], []), ([hook], ["EarlyStoppingHook does nothing"])):
        runner.hooks = hooks
        hook.before_run(runner)
        assert [message.partition(":")[0] for message in runner.warnings] == said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"monitor": "loss", "rule": "smaller"}, "rule: 'smaller'; allowed: greater, less"),
        ({"monitor": "loss", "patience": 0}, "patience=0"),
    ],
)
def test_messages(arguments, message):
    with pytest.raises(UserError, match=message):
        EarlyStoppingHook(**arguments)


@pytest.mark.parametrize(
    ("monitor", "message"),
    [
        ("accuracy", "EarlyStoppingHook.monitor: 'accuracy' is not evaluated; evaluation.metric says what is; did you"),
        (
            "speed",
            "EarlyStoppingHook.monitor: 'speed' is not evaluated; .*Allowed: accuracy_top-1, accuracy_top-5, loss",
        ),
        ("recall", "EarlyStoppingHook.monitor: 'recall' is not a single number; Allowed: loss"),
    ],
)
def test_a_monitor_that_cannot_be_is_refused_before_the_start(tmp_path, monitor, message):
    evaluation = {"metric": "recall", "metric_options": {"average_mode": "none"}} if monitor == "recall" else {}
    with pytest.raises(UserError, match=message):
        train(tmp_path / "work", {**MONITOR, "monitor": monitor}, evaluation=evaluation)
    assert not (tmp_path / "work").exists()


def test_an_evaluation_counts_once_whatever_counts(tmp_path):
    """Those by iteration fall on the ends of epochs here, and no logger takes them away."""
    runner = runner_for(tmp_path, 9)
    for hook in (EvalHook(Evaluator([50.0] * 9), 4, by_epoch=False), EarlyStoppingHook("accuracy_top-1", patience=2)):
        runner.register_hook(hook)
    runner.run({"train": Training(4)})
    assert runner.epoch == 3


def test_a_training_ends_early_and_a_continued_one_at_the_same_epoch(tmp_path):
    hook = {**MONITOR, "min_delta": 100.0, "patience": 2}
    whole = train(tmp_path / "whole", hook, runner={"max_epochs": 9})
    assert (whole.epoch, whole.iter) == (3, 24)  # the first is the best, and two more do not improve
    assert "training ends early: accuracy_top-1 has not improved" in next(tmp_path.glob("whole/*.log")).read_text()

    shutil.rmtree(tmp_path / "whole" / "checkpoints" / "3")
    continued = train(tmp_path / "whole", hook, runner={"max_epochs": 9}, resume=True)
    assert continued.epoch == 3
    assert hook_of(continued, EarlyStoppingHook).state() == hook_of(whole, EarlyStoppingHook).state()


def test_by_iterations(tmp_path):
    done = train(
        tmp_path / "work",
        {**MONITOR, "min_delta": 100.0, "patience": 1},
        runner={"type": "IterBasedRunner", "max_iters": 40},
        evaluation={"interval": 5, "metric": "accuracy"},
        checkpoint_config={"interval": 20},
    )
    assert done.iter == 10


def test_an_evaluation_counts_once_without_a_logger(tmp_path):
    hook = {**MONITOR, "min_delta": 100.0, "patience": 1}
    done = train(
        tmp_path / "work", hook, log_config={"hooks": []}, evaluation={"interval": 2}, runner={"max_epochs": 5}
    )
    assert done.epoch == 4
