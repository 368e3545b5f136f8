"""Saves checkpoints (mmcv/runner/hooks/checkpoint.py)."""

from __future__ import annotations

from typing import Any

from jaxcls.engine.hooks.hook import Hook, every_n


class CheckpointHook(Hook):
    """A checkpoint every `interval` epochs and after the last one.

    Args:
        interval: in epochs; -1: none but the last.
        max_keep_ckpts: how many of the newest stay, -1: all. The best always stays.
        save_last: whether the last epoch is saved in any case.
    """

    def __init__(self, interval: int = 1, max_keep_ckpts: int = -1, save_last: bool = True) -> None:
        self.interval, self.max_keep_ckpts, self.save_last = interval, max_keep_ckpts, save_last

    def before_run(self, runner: Any) -> None:
        runner.checkpoints.max_to_keep = self.max_keep_ckpts if self.max_keep_ckpts > 0 else None
        runner.logger.info("Checkpoints will be saved to %s", runner.checkpoints.directory)

    def after_train_epoch(self, runner: Any) -> None:
        number = runner.epoch + 1
        if every_n(number, self.interval) or (self.save_last and number == runner.max_epochs):
            runner.logger.info("Saving checkpoint at %d epochs", number)
            runner.save_checkpoint()

    def after_run(self, runner: Any) -> None:
        runner.checkpoints.wait()
