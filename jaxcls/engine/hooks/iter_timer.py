"""How long an iteration takes, and how much of it the data (mmcv/runner/hooks/iter_timer.py)."""

from __future__ import annotations

from typing import Any

import jax

from jaxcls.engine.hooks.hook import PRIORITIES, Hook
from jaxcls.engine.starvation import Starvation, is_computed


class IterTimerHook(Hook):
    """Adds `data_time` and `time`, in seconds by the runner's clock, to the log buffer.

    Steps run on the device while the host goes on; where a log line is due the host waits for them first, so that the
    mean over the line's iterations is the time they really took.

    Says once where reading holds the devices back (`Starvation`).
    """

    priority = PRIORITIES["LOW"]

    def before_run(self, runner: Any) -> None:
        self.start = runner.clock.now()
        self.seconds, self.iterations = 0.0, 0
        self.starvation = Starvation()

    def before_epoch(self, runner: Any) -> None:
        self.start = runner.clock.now()

    def before_iter(self, runner: Any) -> None:
        waited = runner.clock.now() - self.start
        runner.log_buffer.update({"data_time": waited})
        if runner.mode == "train" and self.iterations:  # for the first, data workers have started
            self.starvation.add(waited, is_computed(runner.outputs))

    def after_iter(self, runner: Any) -> None:
        if runner.mode == "val" or runner.log_is_due:
            jax.block_until_ready(runner.outputs)
        seconds = runner.clock.now() - self.start
        runner.log_buffer.update({"time": seconds})
        self.start += seconds
        if runner.mode == "train":
            if self.iterations and (found := self.starvation.after(seconds)):
                runner.logger.warning("%s", found)
            # The first, for which data workers have started, counts only as long as it is the only one.
            self.seconds = seconds if self.iterations < 2 else self.seconds + seconds
            self.iterations += 1
            runner.seconds_per_iter = self.seconds / max(self.iterations - 1, 1)
