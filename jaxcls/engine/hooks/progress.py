"""A progress bar on a terminal."""

from __future__ import annotations

import sys
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from jaxcls.engine.hooks.hook import Hook


class ProgressBarHook(Hook):
    """Iterations of the epoch done, the time left and images a second; nothing where stderr is no terminal."""

    def before_train_epoch(self, runner: Any) -> None:
        self.progress = Progress(
            TextColumn("Epoch [{task.fields[epoch]}]"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[speed]:.0f} images/s"),
            transient=True,
            disable=not sys.stderr.isatty(),
            console=Console(stderr=True),
        )
        self.start, self.first = time.perf_counter(), runner.inner_iter
        self.task = self.progress.add_task("", total=runner.iters_per_epoch, epoch=runner.epoch + 1, speed=0.0)
        self.progress.start()

    def after_train_iter(self, runner: Any) -> None:
        if not self.progress.disable:
            done = runner.inner_iter + 1
            speed = done * runner.batch_size / (time.perf_counter() - self.start)
            self.progress.update(self.task, completed=done, speed=speed)

    def after_train_epoch(self, runner: Any) -> None:
        self.progress.stop()
