"""The curves that an `lr_config`'s `policy` names: MMCV 1.7's and MMClassification 0.25's, on optax's schedules.

A policy is a function of the base rate, the training's length T and its own arguments; it gives the rate over
t = 0 … T - 1, epochs or iterations, an int32 array.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from jaxcls.engine.optim.ranges import NON_NEGATIVE, POSITIVE, UP_TO_ONE, positive_integer, require
from jaxcls.errors import UserError


def _cosine(start: float, end: float, steps: float) -> optax.Schedule:
    """Half a cosine from `start` to `end`; optax's own takes the end as a fraction of a start that must not be 0."""
    unit = optax.cosine_decay_schedule(1.0, steps)
    return lambda t: end + (start - end) * unit(_float(t))


def _float(t: ArrayLike) -> jax.Array:
    return jnp.asarray(t, jnp.float32)  # t comes as int32, which strict promotion does not mix with floats


def _anneal(strategy: str) -> Callable[[float, float, float], optax.Schedule]:
    curves = {"cos": _cosine, "linear": optax.linear_schedule}
    if strategy not in curves:
        raise UserError(f"anneal_strategy: {strategy!r} is not one of {', '.join(curves)}")
    return curves[strategy]


def fixed(base: float, total: int) -> optax.Schedule:
    """The base rate throughout."""
    return optax.constant_schedule(base)


def step(
    base: float, total: int, *, step: int | Sequence[int], gamma: float = 0.1, min_lr: float | None = None
) -> optax.Schedule:
    """Base · gamma^n, n the whole periods of `step` passed, or the milestones in it; not below `min_lr`."""
    milestones = [positive_integer("step", milestone) for milestone in ([step] if isinstance(step, int) else step)]
    if milestones != sorted(set(milestones)):
        raise UserError(f"step: the milestones must increase, got {milestones}")
    decay, least = exp(base, total, gamma=gamma), -math.inf if min_lr is None else min_lr
    if isinstance(step, int):
        return lambda t: jnp.maximum(decay(t // step), least)
    return lambda t: jnp.maximum(decay(jnp.sum(t >= jnp.asarray(milestones))), least)


def exp(base: float, total: int, *, gamma: float) -> optax.Schedule:
    """Base · gamma^t."""
    # optax would silently keep the rate constant for 0
    return optax.exponential_decay(base, 1, require("gamma", gamma, POSITIVE))


def inv(base: float, total: int, *, gamma: float, power: float = 1.0) -> optax.Schedule:
    """Base · (1 + gamma · t)^-power."""
    return lambda t: base * (1 + gamma * _float(t)) ** -power


def poly(base: float, total: int, *, power: float = 1.0, min_lr: float = 0.0) -> optax.Schedule:
    """(base - min_lr) · (1 - t / T)^power + min_lr."""
    return optax.polynomial_schedule(base, min_lr, power, total)


def cosine_annealing(base: float, total: int, *, min_lr: float) -> optax.Schedule:
    """Half a cosine to the least rate (Loshchilov & Hutter 2016, https://arxiv.org/abs/1608.03983)."""
    return _cosine(base, min_lr, total)


def linear_annealing(base: float, total: int, *, min_lr: float) -> optax.Schedule:
    """A straight line to the least rate."""
    return optax.linear_schedule(base, min_lr, total)


def flat_cosine_annealing(base: float, total: int, *, min_lr: float, start_percent: float = 0.75) -> optax.Schedule:
    """The base rate for `start_percent` of the training, then half a cosine."""
    if not 0 <= start_percent <= 1:
        raise UserError(f"start_percent: {start_percent!r} is not in [0, 1]")
    start = round(total * start_percent)
    return optax.join_schedules([optax.constant_schedule(base), _cosine(base, min_lr, max(total - start, 1))], [start])


def cosine_restart(
    base: float, total: int, *, periods: Sequence[int], min_lr: float, restart_weights: Sequence[float] = (1,)
) -> optax.Schedule:
    """Half a cosine in each period, restarting at its weight between the least rate and the base rate."""
    if len(periods) != len(restart_weights):
        raise UserError(f"{len(periods)} periods, but {len(restart_weights)} restart_weights")
    lengths = [positive_integer("periods", period) for period in periods]
    if sum(lengths) < total:
        raise UserError(f"periods {lengths} cover {sum(lengths)} of the training's {total}")
    curves = [
        _cosine(min_lr + weight * (base - min_lr), min_lr, length)
        for weight, length in zip(restart_weights, lengths, strict=True)
    ]
    return optax.join_schedules(curves, [sum(lengths[:i]) for i in range(1, len(lengths))])


def cyclic(
    base: float,
    total: int,
    *,
    target_ratio: float | Sequence[float] = (10, 1e-4),
    cyclic_times: int = 1,
    step_ratio_up: float = 0.4,
    anneal_strategy: str = "cos",
    gamma: float = 1.0,
) -> optax.Schedule:
    """Cycles up to base · target_ratio[0] and down to base · target_ratio[1] (Smith 2015, arXiv:1506.01186).

    The peak's distance from the base rate shrinks by `gamma` each cycle.
    """
    ratios = (target_ratio,) if isinstance(target_ratio, int | float) else tuple(target_ratio)
    if len(ratios) not in (1, 2):
        raise UserError(f"target_ratio: expected a number or two, got {target_ratio!r}")
    peak, low = ratios if len(ratios) == 2 else (ratios[0], ratios[0] / 1e5)
    if not 0 <= step_ratio_up < 1:
        raise UserError(f"step_ratio_up: {step_ratio_up!r} is not in [0, 1)")
    period = total // positive_integer("cyclic_times", cyclic_times)
    if period < 1:
        raise UserError(f"cyclic_times: {cyclic_times} cycles do not fit {total} iterations")
    require("gamma", gamma, UP_TO_ONE)
    up, anneal = int(step_ratio_up * period), _anneal(anneal_strategy)
    rise, fall = anneal(0.0, 1.0, max(up, 1)), anneal(1.0, 0.0, period - up)

    def rate(t: jax.Array) -> jax.Array:
        place, scale = t % period, jnp.power(gamma, _float(t // period))
        top = 1 + (peak - 1) * scale
        return base * jnp.where(place < up, 1 + (top - 1) * rise(place), low + (top - low) * fall(place - up))

    return rate


def one_cycle(
    base: float,
    total: int,
    *,
    max_lr: float,
    total_steps: int | None = None,
    pct_start: float = 0.3,
    anneal_strategy: str = "cos",
    div_factor: float = 25,
    final_div_factor: float = 1e4,
    three_phase: bool = False,
) -> optax.Schedule:
    """The rate rises to `max_lr` and falls far below its start (Smith & Topin 2017, arXiv:1708.07120).

    The base rate is not used. A phase may end between two steps, as in PyTorch; `optax.cosine_onecycle_schedule` rounds
    its end down.
    """
    steps = total if total_steps is None else positive_integer("total_steps", total_steps)
    if steps < total:
        raise UserError(f"total_steps: {steps} is less than the training's {total} iterations")
    for name, value in (("max_lr", max_lr), ("div_factor", div_factor), ("final_div_factor", final_div_factor)):
        require(name, value, POSITIVE)
    first = max_lr / div_factor
    rates = [first, max_lr, first, first / final_div_factor]
    return phases(steps, pct_start, rates if three_phase else [first, max_lr, rates[-1]], anneal_strategy)


def phases(steps: int, pct_start: float, values: Sequence[float], anneal_strategy: str) -> optax.Schedule:
    """A curve through three or four values.

    Args:
        steps: the last value is that of the last step, `steps - 1`; the first is that of step 0.
        pct_start: the second value is at `pct_start * steps - 1`. Where there are four, the third is at twice that.
        values: three or four.
        anneal_strategy: `cos` or `linear`: the curve between two of them.
    """
    most = 0.5 if len(values) == 4 else 1
    if not 0 <= pct_start <= most:
        raise UserError(f"pct_start: {pct_start!r} is not in [0, {most}]")
    peak, anneal = pct_start * steps - 1, _anneal(anneal_strategy)
    ends = [peak, 2 * peak, steps - 1.0] if len(values) == 4 else [peak, steps - 1.0]
    starts = [0.0, *ends[:-1]]
    curves = [anneal(values[i], values[i + 1], max(ends[i] - starts[i], 1e-6)) for i in range(len(ends))]

    def value(t: jax.Array) -> jax.Array:
        t = _float(t)
        now = [curve(t - start) for curve, start in zip(curves, starts, strict=True)]
        return jnp.select([t <= end for end in ends[:-1]], now[:-1], now[-1])

    return value


def cosine_annealing_cooldown(
    base: float, total: int, *, min_lr: float, cool_down_ratio: float = 0.1, cool_down_time: int = 10
) -> optax.Schedule:
    """Half a cosine over T - `cool_down_time`, the least rate once, then the least rate · `cool_down_ratio`."""
    length = int(total - require("cool_down_time", cool_down_time, NON_NEGATIVE))
    if length < 1:
        raise UserError(f"cool_down_time: {cool_down_time} leaves nothing of the training's {total}")
    return optax.join_schedules(
        [_cosine(base, min_lr, length), optax.constant_schedule(min_lr * cool_down_ratio)], [length + 1]
    )


POLICIES: dict[str, Callable[..., optax.Schedule]] = {
    "fixed": fixed,
    "step": step,
    "exp": exp,
    "inv": inv,
    "poly": poly,
    "CosineAnnealing": cosine_annealing,
    "LinearAnnealing": linear_annealing,
    "FlatCosineAnnealing": flat_cosine_annealing,
    "CosineRestart": cosine_restart,
    "cyclic": cyclic,
    "OneCycle": one_cycle,
    "CosineAnnealingCooldown": cosine_annealing_cooldown,
}
BY_ITERATION = ("cyclic", "OneCycle")  # never by epoch
TO_MIN_LR = (  # take min_lr_ratio in place of min_lr
    "CosineAnnealing",
    "LinearAnnealing",
    "FlatCosineAnnealing",
    "CosineRestart",
    "CosineAnnealingCooldown",
)
