"""A progress bar on a terminal."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from jaxcls.engine.hooks.hook import PRIORITIES, Hook
from jaxcls.engine.processes import is_first


class ProgressBarHook(Hook):
    """Iterations of the epoch done, the time left and images a second; nothing where stderr is no terminal.

    Only the first process draws. In a run by iterations the bar is about the whole run.
    """

    priority = PRIORITIES["VERY_LOW"]

    def before_run(self, runner: Any) -> None:
        self.progress = Progress(disable=True)

    def before_epoch(self, runner: Any) -> None:
        if runner.mode == "val":
            return
        self.progress = Progress(
            TextColumn("Epoch [{task.fields[epoch]}]"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
            TextColumn("{task.fields[speed]:.0f} images/s"),
            transient=True,
            disable=not (sys.stderr.isatty() and is_first()),
            console=Console(stderr=True),
        )
        self.total = runner.iters_per_epoch if runner.by_epoch else runner.max_iters
        self.task = self.progress.add_task("", total=self.total, epoch=runner.epoch + 1, left="-:--:--", speed=0.0)
        self.progress.start()

    def after_train_iter(self, runner: Any) -> None:
        if not self.progress.disable:
            done, seconds = runner.inner_iter + 1 if runner.by_epoch else runner.iter + 1, runner.seconds_per_iter
            left = timedelta(seconds=int(seconds * (self.total - done)))
            speed = runner.batch_size / max(seconds, 1e-9)
            self.progress.update(self.task, completed=done, epoch=runner.epoch + 1, left=left, speed=speed)

    def after_epoch(self, runner: Any) -> None:
        self.progress.stop()

    def after_run(self, runner: Any) -> None:
        self.progress.stop()
