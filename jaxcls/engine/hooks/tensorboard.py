"""TensorBoard's event files (mmcv/runner/hooks/logger/tensorboard.py)."""

from __future__ import annotations

import os
from typing import Any

from jaxcls.engine import processes
from jaxcls.engine.hooks import trackers
from jaxcls.engine.hooks.logger import LoggerHook
from jaxcls.engine.records import Record
from jaxcls.paths import expand


class TensorboardLoggerHook(LoggerHook):
    """Scalars for TensorBoard: `train/loss`, `val/accuracy_top-1`, `learning_rate`, …, by training iteration.

    Only the first process writes. Of the run that a continued one continues, TensorBoard hides what was written after
    the checkpoint: it comes again.

    Args:
        log_dir: default: `tf_logs` in the work directory.
        interval: in iterations.
        ignore_last: whether the iterations after the last full interval go unlogged.
        by_epoch: see `LoggerHook`.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike | None = None,
        interval: int = 10,
        ignore_last: bool = True,
        by_epoch: bool | None = None,
    ) -> None:
        super().__init__(interval, ignore_last, by_epoch)
        self.log_dir = None if log_dir is None else expand(log_dir)
        self.step = 0
        self.purge_step: int | None = None

    def state(self) -> dict[str, Any]:
        return {**super().state(), "step": self.step}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self.step = state["step"]
        self.purge_step = self.step + 1

    def before_run(self, runner: Any) -> None:
        from tensorboardX import SummaryWriter  # it imports PyTorch where that is installed

        super().before_run(runner)
        folder = self.log_dir or runner.work_dir / "tf_logs"
        self.writer = SummaryWriter(
            str(folder),
            purge_step=self.purge_step,
            filename_suffix=f".{runner.iter}",  # a file's name holds the second, and a second run's may be the same
            write_to_disk=processes.is_first(),
        )

    def log(self, runner: Any, record: Record) -> None:
        """One event for each number."""
        self.step = record.step
        for tag, value in trackers.tags(runner, record).items():
            self.writer.add_scalar(tag, value, self.step)

    def after_run(self, runner: Any) -> None:
        self.writer.close()
