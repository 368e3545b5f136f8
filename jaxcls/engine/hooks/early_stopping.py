"""Stops a training that no longer improves (mmengine/hooks/early_stopping_hook.py)."""

from __future__ import annotations

import math
from typing import Any

from jaxcls.engine.hooks.evaluation import EvalHook, check_rule, monitored
from jaxcls.engine.hooks.hook import Hook
from jaxcls.errors import UserError


class EarlyStoppingHook(Hook):
    """Ends the training when an evaluation's number has not improved for some time.

    A continued run ends where the uninterrupted one would.

    Args:
        monitor: the number's name, as evaluations log it: `accuracy_top-1`.
        rule: `greater` or `less` is better; None: what the metric says.
        min_delta: by how much, in the number's own unit, it has to be better than the best to count as improved.
        patience: evaluations in a row without an improvement after which training ends.
        strict: whether an evaluation without that number is an error; else a warning.
        check_finite: whether NaN or infinity ends the training; else it counts as no improvement.
        stopping_threshold: training ends at once when the number is better than this; None: never.

    Raises:
        UserError: another rule; a patience or `min_delta` that cannot be. At the start: the number is not evaluated, is
            a vector, or neither way is better.
    """

    # behind the evaluation (LOW), which makes the numbers
    priority = 80

    def __init__(
        self,
        monitor: str,
        rule: str | None = None,
        min_delta: float = 0.1,
        patience: int = 5,
        strict: bool = False,
        check_finite: bool = True,
        stopping_threshold: float | None = None,
    ) -> None:
        check_rule("rule", rule)
        if patience < 1 or min_delta < 0:
            raise UserError(f"patience={patience!r}, min_delta={min_delta!r}; allowed: from 1, from 0")
        self.monitor, self.rule = monitor, rule
        self.min_delta, self.patience, self.strict = min_delta, patience, strict
        self.check_finite, self.stopping_threshold = check_finite, stopping_threshold
        self.best: float | None = None
        self.waited = 0

    def state(self) -> dict[str, Any]:
        return {"best": self.best, "waited": self.waited}

    def restore(self, state: dict[str, Any]) -> None:
        self.best, self.waited = state["best"], state["waited"]

    def check(self, runner: Any) -> None:
        for hook in runner.hooks:
            if isinstance(hook, EvalHook):
                self.rule = monitored("EarlyStoppingHook.monitor", self.monitor, self.rule, hook.numbers()).better

    def before_run(self, runner: Any) -> None:
        if not any(isinstance(hook, EvalHook) for hook in runner.hooks):
            runner.logger.warning("EarlyStoppingHook does nothing: the run has no evaluation")

    def after_train_epoch(self, runner: Any) -> None:
        self._look(runner)

    def after_train_iter(self, runner: Any) -> None:
        self._look(runner)

    def _look(self, runner: Any) -> None:
        numbers = runner.evaluation
        if numbers is None:
            return
        if self.monitor not in numbers:
            message = f"EarlyStoppingHook.monitor: {self.monitor!r}; evaluated are {', '.join(numbers)}"
            if self.strict:
                raise UserError(message)
            runner.logger.warning("%s", message)
        elif reason := self._reason_to_stop(float(numbers[self.monitor])):
            runner.request_stop(reason)

    def _reason_to_stop(self, score: float) -> str | None:
        """What the latest score says against going on; the best and the wait move with it."""
        best = "none" if self.best is None else f"{self.best:.4f}"
        if not math.isfinite(score):
            if self.check_finite:
                return f"{self.monitor} is {score}; the best was {best}"
        elif self.stopping_threshold is not None and self._is_better(score, self.stopping_threshold):
            self.best = score
            return f"{self.monitor} is {score:.4f}, beyond the threshold of {self.stopping_threshold}"
        elif self._improves(score):
            self.best, self.waited = score, 0
            return None
        self.waited += 1
        if self.waited < self.patience:
            return None
        return f"{self.monitor} has not improved by {self.min_delta} in {self.waited} evaluations; the best was {best}"

    def _is_better(self, score: float, other: float) -> bool:
        return score < other if self.rule == "less" else score > other

    def _improves(self, score: float) -> bool:
        if self.best is None:
            return True
        return score <= self.best - self.min_delta if self.rule == "less" else score >= self.best + self.min_delta
