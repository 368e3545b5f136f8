"""How long an iteration takes, and how much of it the data (mmcv/runner/hooks/iter_timer.py)."""

from __future__ import annotations

from typing import Any

import jax

from jaxcls.engine.hooks.hook import PRIORITIES, Hook


class IterTimerHook(Hook):
    """Adds `data_time` and `time`, in seconds by the runner's clock, to the log buffer.

    Steps run on the device while the host goes on; where a log line is due the host waits for them first, so that the
    mean over the line's iterations is the time they really took.
    """

    priority = PRIORITIES["LOW"]

    def before_run(self, runner: Any) -> None:
        self.start = runner.clock.now()
        self.seconds, self.iterations = 0.0, 0

    def before_epoch(self, runner: Any) -> None:
        self.start = runner.clock.now()

    def before_iter(self, runner: Any) -> None:
        runner.log_buffer.update({"data_time": runner.clock.now() - self.start})

    def after_iter(self, runner: Any) -> None:
        if runner.mode == "val" or runner.log_is_due:
            jax.block_until_ready(runner.outputs)
        seconds = runner.clock.now() - self.start
        runner.log_buffer.update({"time": seconds})
        self.start += seconds
        if runner.mode == "train":
            # The first, for which data workers have started, counts only as long as it is the only one.
            self.seconds = seconds if self.iterations < 2 else self.seconds + seconds
            self.iterations += 1
            runner.seconds_per_iter = self.seconds / max(self.iterations - 1, 1)
