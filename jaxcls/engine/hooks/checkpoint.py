"""Saves checkpoints (mmcv/runner/hooks/checkpoint.py)."""

from __future__ import annotations

from typing import Any

from jaxcls.engine.hooks.hook import Hook, check_unit, every_n


class CheckpointHook(Hook):
    """A checkpoint every `interval` epochs or iterations and after the last one.

    Args:
        interval: -1: none but the last.
        by_epoch: whether the interval counts epochs; else training iterations.
        max_keep_ckpts: how many of the newest stay, -1: all. The best always stays.
        save_last: whether the last epoch or iteration is saved in any case.
    """

    def __init__(
        self, interval: int = 1, by_epoch: bool = True, max_keep_ckpts: int = -1, save_last: bool = True
    ) -> None:
        self.interval, self.by_epoch = interval, by_epoch
        self.max_keep_ckpts, self.save_last = max_keep_ckpts, save_last

    def check(self, runner: Any) -> None:
        check_unit("checkpoint_config", self, runner)

    def before_run(self, runner: Any) -> None:
        last, unit = (runner.max_epochs, "epochs") if self.by_epoch else (runner.max_iters, "iterations")
        if self.interval > last or (self.interval < 1 and not self.save_last):
            saved = "only the last one is saved" if self.save_last else "none is saved"
            runner.logger.warning(
                "checkpoint_config.interval: %d never comes in %d %s: %s", self.interval, last, unit, saved
            )
        elif self.interval == 1 and not self.by_epoch:
            runner.logger.warning("checkpoint_config.interval: 1 saves after every one of the %d iterations", last)
        runner.checkpoints.max_to_keep = self.max_keep_ckpts if self.max_keep_ckpts > 0 else None
        runner.logger.info("Checkpoints will be saved to %s", runner.checkpoints.directory)

    def after_train_epoch(self, runner: Any) -> None:
        if self.by_epoch:
            self._save_if_due(runner, runner.epoch + 1, runner.max_epochs, "epochs")

    def after_train_iter(self, runner: Any) -> None:
        if not self.by_epoch:
            self._save_if_due(runner, runner.iter + 1, runner.max_iters, "iterations")

    def _save_if_due(self, runner: Any, done: int, last: int, unit: str) -> None:
        due = every_n(done, self.interval) or (self.save_last and done == last)
        if due and runner.checkpoint_number not in runner.checkpoints.numbers:
            runner.logger.info("Saving checkpoint at %d %s", done, unit)
            runner.save_checkpoint()

    def after_run(self, runner: Any) -> None:
        runner.checkpoints.wait()
