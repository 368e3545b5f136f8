"""A run whose loss is never a number does not end well."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from jaxcls.engine.hooks import Hook, SkippedUpdatesHook
from jaxcls.errors import UserError
from tests.engine import tiny


class Poison(Hook):
    """Makes every gradient NaN from an iteration on."""

    def __init__(self, first=0):
        self.first = first

    def before_train_iter(self, runner):
        if runner.iter == self.first:
            step = runner.train_step
            runner.train_step = lambda state, batch, key: step(state, {**batch, "image": batch["image"] * NAN}, key)


NAN = float("nan")
POISON = {"type": f"{__name__}:Poison"}


def test_a_run_without_an_update_is_a_failure(tmp_path):
    message = r"the run has learned nothing: all 8 updates of the run were skipped.*\(loss is .*\); lower optimizer\.lr"
    with pytest.raises(UserError, match=message):
        tiny.train(tmp_path, POISON, runner={"max_epochs": 1}, evaluation={"save_best": "auto"})
    assert "Best" not in next(tmp_path.glob("*.log")).read_text()
    assert not (tmp_path / "checkpoints").exists()


def test_too_many_in_a_row_end_the_run(tmp_path):
    message = r"iteration 8 of the run: the last 6 updates were skipped.*max_skipped_updates=5 is the limit, None: none"
    with pytest.raises(UserError, match=message):
        tiny.train(tmp_path, {**POISON, "first": 2}, optimizer_config={"max_skipped_updates": 5})


def test_without_a_limit_the_log_warns(tmp_path):
    runner = tiny.train(tmp_path, POISON, optimizer_config={"max_skipped_updates": None})
    assert (runner.iter, int(runner.state.skipped_in_a_row)) == (16, 16)
    log = next(tmp_path.glob("*.log")).read_text()
    assert "WARNING - epoch 1: all 8 updates were skipped, as their gradients were not finite (loss is " in log
    assert log.count("WARNING - the run has learned nothing: all 16 updates of the run were skipped") == 1


def state_after(row, total, steps):
    return SimpleNamespace(skipped_in_a_row=row, skipped_updates=total, step=steps)


def runner_at(iteration, state, **changes):
    defaults = {"iter": iteration - 1, "max_iters": 99, "log_is_due": False, "failure": None, "outputs": {}}
    return SimpleNamespace(**{**defaults, **changes}, state=state, logger=logging.getLogger("test"))


@pytest.mark.parametrize(
    ("runner", "message"),
    [
        (runner_at(3, state_after(3, 3, 3)), None),  # not looked at
        (runner_at(4, state_after(3, 3, 4)), None),
        (runner_at(4, state_after(4, 4, 4)), "iteration 4 of the run: the last 4 updates"),
        (runner_at(5, state_after(5, 5, 5), log_is_due=True), "the last 5 updates"),
        (runner_at(99, state_after(1, 98, 99)), None),
        (runner_at(99, state_after(49, 90, 99)), None),
        (runner_at(99, state_after(50, 50, 99)), "has learned nothing: the last 50 of 99 updates"),
        (
            runner_at(99, state_after(0, 99, 99)),
            "the run has learned nothing: all 99 updates",
        ),  # searched for a loss scale
    ],
)
def test_when_it_ends(runner, message):
    hook = SkippedUpdatesHook(4 if runner.iter < 98 else 100)
    if message is None:
        hook.after_train_iter(runner)
    else:
        with pytest.raises(UserError, match=message):
            hook.after_train_iter(runner)


def test_a_run_that_ended_early_is_looked_at_too():
    with pytest.raises(UserError, match="the run has learned nothing"):
        SkippedUpdatesHook().after_run(runner_at(4, state_after(4, 4, 4)))
    SkippedUpdatesHook().after_run(runner_at(4, state_after(4, 4, 4), failure=UserError("another")))
    SkippedUpdatesHook().after_run(runner_at(1, state_after(0, 0, 0)))


def test_messages(tmp_path):
    with pytest.raises(UserError, match=r"optimizer_config\.max_skipped_updates: .*0; allowed: a whole number from 1"):
        tiny.train(tmp_path / "work", optimizer_config={"max_skipped_updates": 0})
