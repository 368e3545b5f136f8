"""Exponential moving averages of what a step changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxcls.engine.step.choice import changed_if
from jaxcls.errors import UserError

PyTree = Any


@dataclass(frozen=True)
class Ema:
    """average <- (1 - m) * average + m * value, after each `interval`-th iteration (mmcv/runner/hooks/ema.py).

    An iteration counts whether it ends in an update or, with accumulation, in none. One whose gradients are not finite
    leaves the averages as they are.

    Without `gamma`, m is MMCV's min(momentum ** interval, (1 + t) / (warm_up + t)) at iteration t = 0, 1, ... : for a
    momentum below 1 / warm_up that is no warm-up at all. With `gamma` it is MMEngine's
    (1 - momentum) * exp(-(1 + t) / gamma) + momentum, which follows the weights closely at first
    (mmengine/model/averaged_model.py: ExpMomentumEMA).

    Attributes:
        momentum: what one iteration weighs, in (0, 1): 1 - decay.
        interval: iterations from one update of the average to the next.
        warm_up: see above.
        gamma: see above; None: MMCV's rule.
        statistics: whether the norms' running statistics are averaged too; else the raw ones go with the average.
        evaluate_raw: whether evaluations give the raw weights' numbers too, as `raw_<name>`.
    """

    momentum: float = 0.0002
    interval: int = 1
    warm_up: int = 100
    gamma: float | None = None
    statistics: bool = False
    evaluate_raw: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.momentum < 1:
            raise UserError(f"momentum={self.momentum!r}: expected a number between 0 and 1 (it is 1 - decay)")
        if self.interval < 1 or self.warm_up < 1:
            raise UserError(f"interval={self.interval!r}, warm_up={self.warm_up!r}: expected 1 or more")
        if self.gamma is not None and not self.gamma > 0:
            raise UserError(f"gamma={self.gamma!r}: expected a number above 0")

    def update(self, average: PyTree, values: PyTree, step: Array, finite: Array | bool = True) -> PyTree:
        """The averages after iteration `step`, an int32 scalar, whose gradients were finite or not."""
        counts, weight = (step % self.interval == 0) & finite, self._momentum(step.astype(jnp.float32))

        def follow(average: PyTree, values: PyTree) -> PyTree:
            return jax.tree.map(lambda a, v: a * (1 - weight) + v * weight, average, values)

        return changed_if(counts, follow, average, values)

    def share_of_first(self, iters: int) -> float:
        """What the weights at the run's start weigh in the averages after so many iterations, from 0 to 1."""
        weights = np.asarray(self._momentum(np.arange(0, iters, self.interval, dtype=np.float32)), np.float64)
        return float(np.prod(1 - weights))

    def _momentum(self, step: Any) -> Array:
        if self.gamma is not None:
            return (1 - self.momentum) * jnp.exp(-(1 + step) / self.gamma) + self.momentum
        return jnp.minimum(self.momentum**self.interval, (1 + step) / (self.warm_up + step))
