"""Evaluates after epochs and notes the best checkpoint (mmcv/runner/hooks/evaluation.py)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from jaxcls.engine.evaluation import Evaluator
from jaxcls.engine.hooks.hook import Hook, every_n
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
    """Evaluation every `interval` epochs; its numbers go to the log.

    Args:
        evaluator: what evaluates.
        interval: in epochs.
        start: no evaluation before this epoch; None: from the first on.
        metric: names, as in `jaxcls.metrics`.
        metric_options: their options.
        save_best: the number whose best checkpoint is kept, `auto` for the first; None: none.
        rule: `greater` or `less` is better; None: as the number's name says.

    Raises:
        UserError: an unknown metric, option or rule.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        interval: int = 1,
        start: int | None = None,
        metric: str | Sequence[str] = "accuracy",
        metric_options: Mapping[str, Any] | None = None,
        save_best: str | None = None,
        rule: str | None = None,
    ) -> None:
        if interval < 1:
            raise UserError(f"evaluation.interval: {interval}; allowed: 1 or more")
        if rule not in (None, "greater", "less"):
            raise UserError(f"evaluation.rule: {rule!r}; allowed: greater, less")
        self.evaluator, self.interval, self.start = evaluator, interval, start
        self.metric, self.metric_options = metric, metric_options
        self.save_best, self.rule = save_best, rule
        evaluator.check(metric, metric_options)
        if save_best not in (None, "auto"):
            self.rule = rule or infer_rule(save_best)

    def after_train_epoch(self, runner: Any) -> None:
        epoch = runner.epoch + 1
        if not (every_n(epoch, self.interval) if self.start is None else self._is_due_since_start(epoch)):
            return
        results = self.evaluator.evaluate(runner.state.variables, self.metric, self.metric_options)
        runner.log_buffer.clear()
        runner.log_buffer.output.update(results, eval_iter_num=len(self.evaluator.loader))
        runner.log_buffer.ready = True
        if self.save_best:
            self._keep_best(runner, epoch, results)

    def _is_due_since_start(self, epoch: int) -> bool:
        assert self.start is not None
        return epoch >= self.start and (epoch - self.start) % self.interval == 0

    def _keep_best(self, runner: Any, epoch: int, results: Mapping[str, Any]) -> None:
        name = next(iter(results)) if self.save_best == "auto" else str(self.save_best)
        if name not in results:
            raise UserError(f"evaluation.save_best: {name!r}; evaluated are {', '.join(results)}")
        rule, score, best = self.rule or infer_rule(name), results[name], runner.checkpoints.best
        if not math.isfinite(score):
            return
        sign = 1.0 if rule == "greater" else -1.0
        if best is None or best["metric"] != name or sign * score > sign * best["score"]:
            if epoch not in runner.checkpoints.numbers:
                runner.save_checkpoint()
            runner.checkpoints.set_best(epoch, name, score)
            runner.logger.info("Best %s is %.4f at %d epoch, checkpoint %d", name, score, epoch, epoch)


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
    raise UserError(f"evaluation.save_best: no rule for {name!r}; give evaluation.rule as greater or less")
