"""Stops a training that no longer updates its parameters."""

from __future__ import annotations

from typing import Any

from jaxcls.engine.hooks.hook import PRIORITIES, Hook, every_n
from jaxcls.errors import UserError

_ADVICE = "lower optimizer.lr, set optimizer_config.grad_clip, or look for bad values in the data"
_KEY = "optimizer_config.max_skipped_updates"


class SkippedUpdatesHook(Hook):
    """Ends a run that has thrown away the gradients of many iterations in a row, since they were not finite.

    A run that is over fails, too, if it was so in all its iterations, or in the latter half and more. Iterations in
    which float16 still searches for its loss scale are not among those in a row. The device's values are read with the
    log's, and every `limit` iterations.

    Args:
        limit: how many in a row are too many; None: any number may be, and the log warns.

    Raises:
        UserError: `limit` is less than 1.
    """

    priority = PRIORITIES["ABOVE_NORMAL"]  # no checkpoint and no evaluation of such a state

    def __init__(self, limit: int | None = 100) -> None:
        if limit is not None and limit < 1:
            raise UserError(f"{limit!r}; allowed: a whole number from 1, or None for no limit")
        self.limit = limit

    def after_train_iter(self, runner: Any) -> None:
        if self.limit is not None and (runner.log_is_due or every_n(runner.iter + 1, self.limit)):
            row = int(runner.state.skipped_in_a_row)
            if row >= self.limit:
                what = f"iteration {runner.iter + 1} of the run: the last {row} updates were skipped"
                raise UserError(f"{what}{_why(runner)}; {_ADVICE}; {_KEY}={self.limit} is the limit, None: none")
        if runner.iter + 1 == runner.max_iters:
            self._check_whole(runner)

    def after_train_epoch(self, runner: Any) -> None:
        skipped, count = int(runner.state.skipped_in_a_row), runner.iters_per_epoch
        if runner.by_epoch and skipped >= count:
            runner.logger.warning("epoch %d: all %d updates were skipped%s", runner.epoch + 1, count, _why(runner))

    def after_run(self, runner: Any) -> None:
        if runner.failure is None and runner.iter < runner.max_iters:  # it has ended early
            self._check_whole(runner)

    def _check_whole(self, runner: Any) -> None:
        """Refuses to end well where nothing was learned any more."""
        steps, skipped, row = (
            int(count) for count in (runner.state.step, runner.state.skipped_updates, runner.state.skipped_in_a_row)
        )
        if steps and (skipped == steps or 2 * row >= steps):
            which = f"all {steps} updates of the run" if skipped == steps else f"the last {row} of {steps} updates"
            message = f"the run has learned nothing: {which} were skipped{_why(runner)}; {_ADVICE}"
            if self.limit is not None:
                raise UserError(message)
            runner.logger.warning("%s", message)


def _why(runner: Any) -> str:
    loss = runner.outputs.get("loss")
    value = "" if loss is None else f" (loss is {float(loss):.4g})"
    return f", as their gradients were not finite{value}"
