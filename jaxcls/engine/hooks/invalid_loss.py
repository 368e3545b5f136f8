"""Stops a training whose loss is no longer a number (mmdet/core/hook/checkloss_hook.py)."""

from __future__ import annotations

import math
from typing import Any

import jax

from jaxcls.engine.hooks.hook import PRIORITIES, Hook, every_n, warn_if_never
from jaxcls.errors import UserError


class CheckInvalidLossHook(Hook):
    """Raises when a loss is NaN or infinite, and says since when.

    The device's values are read every `interval` iterations only, those of the iterations in between with them.

    Args:
        interval: in iterations of the run.

    Raises:
        UserError: `interval` is less than 1.
    """

    priority = PRIORITIES["ABOVE_NORMAL"]  # no checkpoint of such a state

    def __init__(self, interval: int = 50) -> None:
        if interval < 1:
            raise UserError(f"interval={interval!r}; allowed: 1 or more")
        self.interval = interval
        self._unread: list[tuple[int, int, dict[str, Any]]] = []

    def before_run(self, runner: Any) -> None:
        warn_if_never(self, runner, self.interval, runner.max_iters, "iterations")

    def after_train_iter(self, runner: Any) -> None:
        self._unread.append((runner.epoch + 1, runner.iter + 1, runner.outputs))
        if every_n(runner.iter + 1, self.interval):
            read, self._unread = jax.device_get(self._unread), []
            for epoch, iteration, log_vars in read:
                self._check(epoch, iteration, log_vars)

    @staticmethod
    def _check(epoch: int, iteration: int, log_vars: dict[str, Any]) -> None:
        invalid = {name: float(value) for name, value in log_vars.items() if not math.isfinite(value)}
        # A gradient may overflow and the step go on without it; a loss may not.
        if any("loss" in name for name in invalid):
            values = ", ".join(f"{name} is {value}" for name, value in invalid.items())
            raise UserError(
                f"epoch {epoch}, iteration {iteration} of the run: {values}; "
                "lower optimizer.lr, set optimizer_config.grad_clip, or look for bad values in the data"
            )
