"""Evaluates after epochs and notes the best checkpoint (mmcv/runner/hooks/evaluation.py)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from jaxcls.engine.evaluation import LOSS, Evaluator
from jaxcls.engine.hooks.hook import PRIORITIES, Hook, check_unit, every_n, first_due
from jaxcls.errors import UserError, close_names, did_you_mean
from jaxcls.metrics import Number

RULES = ("greater", "less")


class EvalHook(Hook):
    """Evaluation every `interval` epochs or iterations; its numbers, and the validation loss, go to the log.

    Where the run keeps averaged weights, the numbers are theirs.

    Args:
        evaluator: what evaluates.
        interval: see above.
        start: no evaluation before this epoch or iteration; None: from the first on.
        by_epoch: whether these two count epochs; else training iterations.
        metric: names, as in `jaxcls.metrics`; None: `accuracy`, or `mAP` where images have several labels.
        metric_options: their options.
        save_best: the number whose best checkpoint is kept, `auto` for the first one that can be compared; None: none.
        rule: `greater` or `less` is better; None: what the metric says.
        evaluate_raw: whether to evaluate the weights that are not averaged, too: `raw_<name>`.

    Raises:
        UserError: an interval or a rule that cannot be.
    """

    priority = PRIORITIES["LOW"]

    def __init__(
        self,
        evaluator: Evaluator,
        interval: int = 1,
        start: int | None = None,
        by_epoch: bool = True,
        metric: str | Sequence[str] | None = None,
        metric_options: Mapping[str, Any] | None = None,
        save_best: str | None = None,
        rule: str | None = None,
        evaluate_raw: bool = False,
    ) -> None:
        if interval < 1:
            raise UserError(f"evaluation.interval: {interval}; allowed: 1 or more")
        if start is not None and start < 0:
            raise UserError(f"evaluation.start: {start}; allowed: 0 or more")
        check_rule("evaluation.rule", rule)
        self.evaluator, self.interval, self.start, self.by_epoch = evaluator, interval, start, by_epoch
        self.metric, self.metric_options = metric, metric_options
        self.save_best, self.rule, self.evaluate_raw = save_best, rule, evaluate_raw
        self.best: Number | None = None

    def numbers(self) -> tuple[Number, ...]:
        """What an evaluation will give.

        Raises:
            UserError: an unknown metric or option, or one that is not for the data.
        """
        numbers = (*self.evaluator.numbers(self.metric, self.metric_options, "evaluation."), LOSS)
        raw = (number._replace(name=f"raw_{number.name}") for number in numbers)
        return (*numbers, *raw) if self.evaluate_raw else numbers

    def check(self, runner: Any) -> None:
        check_unit("evaluation", self, runner)
        numbers = self.numbers()
        if self.save_best == "auto":
            self.best = next((number for number in numbers if number.scalar and number.better), LOSS)
            self.best = self.best._replace(better=self.rule or self.best.better)
        elif self.save_best:
            self.best = monitored("evaluation.save_best", self.save_best, self.rule, numbers)

    def before_run(self, runner: Any) -> None:
        last, unit = (runner.max_epochs, "epochs") if self.by_epoch else (runner.max_iters, "iterations")
        first = first_due(self.interval, self.start)
        if first > last:
            runner.logger.warning("evaluation: the first is due after %d %s, the run has %d: none", first, unit, last)
        elif self.interval == 1 and not self.by_epoch:
            runner.logger.warning("evaluation.interval: 1 evaluates after every one of the %d iterations", last)

    def after_train_epoch(self, runner: Any) -> None:
        if self.by_epoch and self._is_due(runner.epoch + 1):
            self._evaluate(runner, "epoch")

    def after_train_iter(self, runner: Any) -> None:
        if not self.by_epoch and self._is_due(runner.iter + 1):
            self._evaluate(runner, "iteration")

    def _is_due(self, done: int) -> bool:
        if self.start is None:
            return every_n(done, self.interval)
        return done >= self.start and (done - self.start) % self.interval == 0

    def _evaluate(self, runner: Any, unit: str) -> None:
        with runner.clock.stopped():
            results = self._results(runner, runner.state.variables)
            if self.evaluate_raw:
                raw = self._results(runner, runner.state.raw_variables)
                results |= {f"raw_{name}": value for name, value in raw.items()}
        runner.evaluation = results
        runner.log(results, iter=len(self.evaluator.loader))
        if self.best:
            self._keep_best(runner, unit, results[self.best.name], self.best)

    def _results(self, runner: Any, variables: Any) -> dict[str, Any]:
        return self.evaluator.evaluate(
            variables, self.metric, self.metric_options, lambda _: runner.stop_if_requested(), with_loss=True
        )

    @staticmethod
    def _keep_best(runner: Any, unit: str, score: float, number: Number) -> None:
        best, name = runner.checkpoints.best, number.name
        if not math.isfinite(score):
            return
        sign = 1.0 if number.better == "greater" else -1.0
        if best is None or best["metric"] != name or sign * score > sign * best["score"]:
            checkpoint = runner.checkpoint_number
            if checkpoint not in runner.checkpoints.numbers:
                runner.save_checkpoint()
            runner.checkpoints.set_best(checkpoint, name, score)
            done = checkpoint if unit == "epoch" else runner.iter + 1
            runner.logger.info("Best %s is %.4f at %d %s, checkpoint %d", name, score, done, unit, checkpoint)


def check_rule(where: str, rule: str | None) -> None:
    """Refuses what is no rule."""
    if rule not in (None, *RULES):
        raise UserError(f"{where}: {rule!r}; allowed: {', '.join(RULES)}")


def monitored(where: str, name: str, rule: str | None, numbers: Sequence[Number]) -> Number:
    """The number of that name, with what is better of it.

    Args:
        where: what names it, for messages.
        name: of one of the numbers.
        rule: `greater` or `less`; None: what the metric says.
        numbers: what an evaluation gives.

    Raises:
        UserError: there is none of that name, it is a vector or a matrix, or neither way is better.
    """
    number = {number.name: number for number in numbers}.get(name)
    single = [number.name for number in numbers if number.scalar]
    if number is None:
        listed = single if len(single) <= 40 else [one for one in single if "/" not in one]  # else a page of classes
        hint = did_you_mean(name, single) or close_names(name, listed)
        raise UserError(f"{where}: {name!r} is not evaluated; evaluation.metric says what is; {hint}")
    if not number.scalar:
        raise UserError(f"{where}: {name!r} is not a single number; {close_names('', single)}")
    if rule is None and number.better is None:
        raise UserError(f"{where}: neither more nor less of {name!r} is better by itself; give rule, greater or less")
    return number._replace(better=rule or number.better)
