"""Evaluates after epochs and notes the best checkpoint (mmcv/runner/hooks/evaluation.py)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from jaxcls.engine.evaluation import Evaluator
from jaxcls.engine.hooks.hook import PRIORITIES, Hook, every_n
from jaxcls.engine.hooks.logger import LoggerHook
from jaxcls.errors import UserError

# The original knows no rule for recall, f1_score, support and CP … OF1, and asks for one.
GREATER_KEYS = (
    "acc",
    "top",
    "auc",
    "precision",
    "recall",
    "f1",
    "support",
    "mAP",
    "CP",
    "CR",
    "CF1",
    "OP",
    "OR",
    "OF1",
)
LESS_KEYS = ("loss",)


class EvalHook(Hook):
    """Evaluation every `interval` epochs or iterations; its numbers, and the validation loss, go to the log.

    Where the run keeps averaged weights, the numbers are theirs.

    Args:
        evaluator: what evaluates.
        interval: see above.
        start: no evaluation before this epoch or iteration; None: from the first on.
        by_epoch: whether these two count epochs; else training iterations.
        metric: names, as in `jaxcls.metrics`.
        metric_options: their options.
        save_best: the number whose best checkpoint is kept, `auto` for the first; None: none.
        rule: `greater` or `less` is better; None: as the number's name says.
        evaluate_raw: whether to evaluate the weights that are not averaged, too: `raw_<name>`.

    Raises:
        UserError: an unknown metric, option or rule.
    """

    priority = PRIORITIES["LOW"]

    def __init__(
        self,
        evaluator: Evaluator,
        interval: int = 1,
        start: int | None = None,
        by_epoch: bool = True,
        metric: str | Sequence[str] = "accuracy",
        metric_options: Mapping[str, Any] | None = None,
        save_best: str | None = None,
        rule: str | None = None,
        evaluate_raw: bool = False,
    ) -> None:
        if interval < 1:
            raise UserError(f"evaluation.interval: {interval}; allowed: 1 or more")
        if rule not in (None, "greater", "less"):
            raise UserError(f"evaluation.rule: {rule!r}; allowed: greater, less")
        self.evaluator, self.interval, self.start, self.by_epoch = evaluator, interval, start, by_epoch
        self.metric, self.metric_options = metric, metric_options
        self.save_best, self.rule, self.evaluate_raw = save_best, rule, evaluate_raw
        evaluator.check(metric, metric_options)
        if save_best not in (None, "auto"):
            self.rule = rule or infer_rule(save_best)

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
        results = self._results(runner, runner.state.variables)
        if self.evaluate_raw:
            raw = self._results(runner, runner.state.raw_variables)
            results |= {f"raw_{name}": value for name, value in raw.items()}
        if unit == "iteration":
            for hook in runner.hooks:  # their line about the iterations comes first
                if isinstance(hook, LoggerHook):
                    hook.after_train_iter(runner)
        runner.log_buffer.clear()
        runner.log_buffer.output.update(results, eval_iter_num=len(self.evaluator.loader))
        runner.log_buffer.ready = True
        if self.save_best:
            self._keep_best(runner, unit, results)

    def _results(self, runner: Any, variables: Any) -> dict[str, Any]:
        return self.evaluator.evaluate(
            variables, self.metric, self.metric_options, lambda _: runner.stop_if_requested(), with_loss=True
        )

    def _keep_best(self, runner: Any, unit: str, results: Mapping[str, Any]) -> None:
        name = next(iter(results)) if self.save_best == "auto" else str(self.save_best)
        if name not in results:
            raise UserError(f"evaluation.save_best: {name!r}; evaluated are {', '.join(results)}")
        rule, score, best = self.rule or infer_rule(name), results[name], runner.checkpoints.best
        if not math.isfinite(score):
            return
        sign = 1.0 if rule == "greater" else -1.0
        if best is None or best["metric"] != name or sign * score > sign * best["score"]:
            number = runner.checkpoint_number
            if number not in runner.checkpoints.numbers:
                runner.save_checkpoint()
            runner.checkpoints.set_best(number, name, score)
            done = number if unit == "epoch" else runner.iter + 1
            runner.logger.info("Best %s is %.4f at %d %s, checkpoint %d", name, score, done, unit, number)


def infer_rule(name: str) -> str:
    """`greater` or `less`, whichever is better for a number of that name.

    Raises:
        UserError: the name does not tell.
    """
    lowered = name.lower()
    if any(key.lower() in lowered for key in LESS_KEYS):
        return "less"
    if any(key.lower() in lowered for key in GREATER_KEYS):
        return "greater"
    raise UserError(f"whether more of {name!r} is better does not follow from its name; give rule as greater or less")
