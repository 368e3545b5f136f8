"""The curves that a `momentum_config`'s `policy` names: MMCV 1.7's, the learning rate's with bounds of their own.

A policy is a function of the base momentum, the training's length T and its own arguments; it gives the momentum over
t = 0 … T - 1, epochs or iterations, an int32 array.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import optax

from jaxcls.engine.optim import lr_policies


def step(
    base: float, total: int, *, step: int | Sequence[int], gamma: float = 0.5, min_momentum: float | None = None
) -> optax.Schedule:
    """Base · gamma^n, n the whole periods of `step` passed, or the milestones in it; not below `min_momentum`."""
    return lr_policies.step(base, total, step=step, gamma=gamma, min_lr=min_momentum)


def cosine_annealing(base: float, total: int, *, min_momentum: float) -> optax.Schedule:
    """Half a cosine to the least momentum."""
    return lr_policies.cosine_annealing(base, total, min_lr=min_momentum)


def linear_annealing(base: float, total: int, *, min_momentum: float) -> optax.Schedule:
    """A straight line to the least momentum."""
    return lr_policies.linear_annealing(base, total, min_lr=min_momentum)


def one_cycle(
    base: float,
    total: int,
    *,
    base_momentum: float = 0.85,
    max_momentum: float = 0.95,
    pct_start: float = 0.3,
    anneal_strategy: str = "cos",
    three_phase: bool = False,
) -> optax.Schedule:
    """From `max_momentum` to `base_momentum`, where the learning rate is highest, and back; the base is not used."""
    values = [max_momentum, base_momentum, max_momentum, *([max_momentum] if three_phase else [])]
    return lr_policies.phases(total, pct_start, values, anneal_strategy)


POLICIES: dict[str, Callable[..., optax.Schedule]] = {
    "step": step,
    "CosineAnnealing": cosine_annealing,
    "LinearAnnealing": linear_annealing,
    "cyclic": partial(lr_policies.cyclic, target_ratio=(0.85 / 0.95, 1)),
    "OneCycle": one_cycle,
}
BY_ITERATION = ("cyclic", "OneCycle")  # never by epoch
TO_MIN_MOMENTUM = ("CosineAnnealing", "LinearAnnealing")  # take min_momentum_ratio in place of min_momentum
