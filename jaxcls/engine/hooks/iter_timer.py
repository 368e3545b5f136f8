"""How long an iteration takes, and how much of it the data (mmcv/runner/hooks/iter_timer.py)."""

from __future__ import annotations

import time
from typing import Any

import jax

from jaxcls.engine.hooks.hook import PRIORITIES, Hook


class IterTimerHook(Hook):
    """Adds `data_time` and `time`, in seconds, to the log buffer.

    Steps run on the device while the host goes on; where a log line is due the host waits for them first, so that the
    mean over the line's iterations is the time they really took.
    """

    priority = PRIORITIES["LOW"]

    def before_run(self, runner: Any) -> None:
        self.start = time.perf_counter()

    def before_epoch(self, runner: Any) -> None:
        self.start = time.perf_counter()

    def before_iter(self, runner: Any) -> None:
        runner.log_buffer.update({"data_time": time.perf_counter() - self.start})

    def after_iter(self, runner: Any) -> None:
        if runner.mode == "val" or runner.log_is_due:
            jax.block_until_ready(runner.outputs)
        now = time.perf_counter()
        runner.log_buffer.update({"time": now - self.start})
        self.start = now
