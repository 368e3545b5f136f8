"""The learning-rate range test (Smith 2017, Cyclical Learning Rates, arXiv:1506.01186)."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxcls.config import complete
from jaxcls.engine.hooks.hook import Hook
from jaxcls.errors import UserError
from jaxcls.inspect.trainings import train_quietly

_SMOOTHING = 0.95  # of the exponential average of the losses
_READ = 10  # iterations whose losses are fetched from the device at once
_DIVERGED = 4.0  # times the least loss
_EDGES = 10  # smoothed losses at the beginning that do not count


class RateTest(NamedTuple):
    """What a range test found.

    Attributes:
        lr: (n,) rates, one an iteration.
        loss: (n,) losses.
        smoothed: (n,) exponential averages of the losses, corrected for their beginning.
        steepest: the rate at which the smoothed loss falls fastest.
        tenth: a tenth of the rate at which it is least.
    """

    lr: np.ndarray
    loss: np.ndarray
    smoothed: np.ndarray
    steepest: float
    tenth: float


class LossRecorder(Hook):
    """Keeps the loss of each iteration, and ends the run when it has diverged."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self._waiting: list[Any] = []

    def after_train_iter(self, runner: Any) -> None:
        self._waiting.append(runner.outputs["loss"])
        if len(self._waiting) < _READ and runner.iter + 1 < runner.max_iters:
            return
        self.losses += [float(loss) for loss in jax.device_get(self._waiting)]
        self._waiting = []
        smoothed = smooth(np.array(self.losses))
        if not np.isfinite(self.losses).all() or smoothed[-1] > _DIVERGED * smoothed.min():
            runner.request_stop("the loss diverged")


def smooth(losses: np.ndarray) -> np.ndarray:
    """(n,) -> (n,): exponential averages, divided by the sum of their weights."""
    average, averages = 0.0, []
    for count, loss in enumerate(losses, 1):
        average = _SMOOTHING * average + (1 - _SMOOTHING) * loss
        averages.append(average / (1 - _SMOOTHING**count))
    return np.array(averages)


def range_test(config: Mapping[str, Any], start_lr: float = 1e-6, end_lr: float = 10.0, iters: int = 200) -> RateTest:
    """Trains while the rate grows exponentially from iteration to iteration, until the loss diverges.

    The config's schedule, evaluation and hooks do not count; all else of the training step does.

    Args:
        config: what a `get_config` gives.
        start_lr: the first rate.
        end_lr: the last one.
        iters: how many iterations at most.

    Raises:
        UserError: rates or iterations that cannot be, or a loss that is not finite at once.
    """
    if not 0 < start_lr < end_lr or iters < 2 * _EDGES:
        raise UserError(
            f"start_lr={start_lr}, end_lr={end_lr}, iters={iters}; expected 0 < start_lr < end_lr, "
            f"and {2 * _EDGES} iterations or more"
        )
    full = complete(config)
    growth = (end_lr / start_lr) ** (1 / (iters - 1))
    full |= {
        "optimizer": {**full["optimizer"], "lr": start_lr},
        "lr_config": {"policy": "exp", "gamma": growth, "by_epoch": False},
        "runner": {"type": "IterBasedRunner", "max_iters": iters},
        "checkpoint_config": {"interval": iters + 1, "by_epoch": False},
        "log_config": {"interval": iters, "hooks": []},
        "custom_hooks": [{"type": "jaxcls.inspect.rate_test:LossRecorder"}],
        "workflow": [("train", 1)],
        "evaluation": {},
    }
    with tempfile.TemporaryDirectory(prefix="jaxcls-find-lr-") as folder:
        runner = train_quietly(full, Path(folder), validate=False)
    (recorder,) = (hook for hook in runner.hooks if isinstance(hook, LossRecorder))
    return found(start_lr * growth ** np.arange(len(recorder.losses)), np.array(recorder.losses))


def found(lr: np.ndarray, loss: np.ndarray) -> RateTest:
    """What the losses at the rates say.

    Raises:
        UserError: too few of them are finite.
    """
    finite = len(loss) if np.isfinite(loss).all() else int(np.argmin(np.isfinite(loss)))
    lr, loss = lr[:finite], loss[:finite]
    if finite < 2 * _EDGES:
        raise UserError(f"the loss was not finite after {finite} iterations; give a smaller --start_lr")
    smoothed = smooth(loss)
    least = int(smoothed[_EDGES:].argmin()) + _EDGES
    slope = np.gradient(smoothed, np.log(lr))[_EDGES : least + 1]
    return RateTest(lr, loss, smoothed, float(lr[_EDGES + int(slope.argmin())]), float(lr[least]) / 10)
