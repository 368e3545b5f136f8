"""The learning rate as a function of the step: MMCV's policies on optax's curves.

`lr_config` is written as for MMCV 1.7 (`mmcv/runner/hooks/lr_updater.py`) and MMClassification 0.25; what a policy
computes is theirs too. A policy gives the curve over t, which counts epochs with `by_epoch=True` (a staircase) and
iterations without; the warm-up is a factor on it that always counts iterations and lies inside the training's length.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from jaxcls.builder import plain
from jaxcls.engine.lr_policies import BY_ITERATION, POLICIES, TO_MIN_LR, positive
from jaxcls.errors import UserError, close_names

__all__ = ["build_lr_schedule"]

WARMUPS = ("constant", "linear", "exp")
COMMON_ARGUMENTS = ("by_epoch", "warmup", "warmup_iters", "warmup_ratio", "warmup_by_epoch")


def build_lr_schedule(
    lr_config: Mapping[str, Any] | None,
    base_lr: float,
    max_epochs: int | None,
    iters_per_epoch: int | None,
    max_iters: int | None = None,
) -> optax.Schedule:
    """The learning rate at each step.

    Args:
        lr_config: `policy` and its arguments; `by_epoch`; `warmup` (`constant`, `linear`, `exp`) with `warmup_iters`,
            `warmup_ratio`, `warmup_by_epoch`. None: the rate is constant.
        base_lr: the optimizer's learning rate.
        max_epochs: the training's length, or None where `max_iters` gives it.
        iters_per_epoch: steps in an epoch; may be None where nothing counts epochs.
        max_iters: the training's length in steps, in place of `max_epochs`; `by_epoch` is then False by default.

    Returns:
        `schedule(step)`: a float32 scalar for an int or a (traced) integer array; beyond the end, the curve's end.

    Raises:
        UserError: an unknown policy or argument, missing or contradictory ones, or a curve that does not fit the
            training's length.
    """
    try:
        return _build(dict(plain(lr_config or {"policy": "fixed"})), base_lr, max_epochs, iters_per_epoch, max_iters)
    except (UserError, TypeError) as error:
        raise UserError(f"lr_config: {error}") from error


def _build(
    config: dict[str, Any],
    base_lr: float,
    max_epochs: int | None,
    iters_per_epoch: int | None,
    max_iters: int | None,
) -> optax.Schedule:
    if (max_epochs is None) == (max_iters is None):
        raise UserError(f"expected one of max_epochs and max_iters, got {max_epochs!r} and {max_iters!r}")
    name = _policy_name(config.pop("policy", None))
    by_epoch = config.pop("by_epoch", max_iters is None and name not in BY_ITERATION)
    if by_epoch and (name in BY_ITERATION or max_epochs is None):
        raise UserError(f"by_epoch=True: policy {name} with max_epochs={max_epochs} goes by iteration")
    if max_iters is None:
        max_iters = positive("max_epochs", max_epochs) * positive("iters_per_epoch", iters_per_epoch)
    warmup = _warmup(config, positive("max_iters", max_iters), iters_per_epoch)
    stair = positive("iters_per_epoch", iters_per_epoch) if by_epoch else 1
    curve = POLICIES[name](base_lr, max_epochs if by_epoch else max_iters, **_arguments(name, config, base_lr))

    def schedule(step: ArrayLike) -> jax.Array:
        step = jnp.asarray(step, jnp.int32)
        return jnp.asarray(curve(step // stair) * warmup(step), jnp.float32)

    jax.eval_shape(schedule, 0)  # a value of the wrong type shows here
    return schedule


def _policy_name(name: Any) -> str:
    canonical = {key.lower(): key for key in POLICIES}
    if str(name).lower() not in canonical:
        raise UserError(f"policy: {name!r} is unknown; {close_names(str(name), POLICIES)}")
    return canonical[str(name).lower()]


def _arguments(name: str, config: dict[str, Any], base_lr: float) -> dict[str, Any]:
    """The policy's arguments, checked; `min_lr_ratio` becomes `min_lr`."""
    parameters = inspect.signature(POLICIES[name]).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}
    if name in TO_MIN_LR:
        ratio, least = config.pop("min_lr_ratio", None), config.pop("min_lr", None)
        if (ratio is None) == (least is None):
            raise UserError(f"policy {name} needs one of min_lr and min_lr_ratio, got {least!r} and {ratio!r}")
        config["min_lr"] = base_lr * ratio if least is None else least
    for key in config:
        if key not in defaults:
            allowed = [*defaults, *COMMON_ARGUMENTS, *(["min_lr_ratio"] if name in TO_MIN_LR else [])]
            raise UserError(f"policy {name} has no argument {key!r}; {close_names(key, allowed)}")
    missing = [key for key, default in defaults.items() if default is inspect.Parameter.empty and key not in config]
    if missing:
        raise UserError(f"policy {name} needs {', '.join(map(repr, missing))}")
    return config


def _warmup(config: dict[str, Any], max_iters: int, iters_per_epoch: int | None) -> optax.Schedule:
    """The factor on the rate; takes its arguments out of `config`."""
    given = [key for key in COMMON_ARGUMENTS if key.startswith("warmup_") and key in config]
    if given and "warmup" not in config:
        raise UserError(f"{given[0]} is given without warmup, one of {', '.join(WARMUPS)}")
    kind = config.pop("warmup", None)
    iters, ratio = config.pop("warmup_iters", 0), config.pop("warmup_ratio", 0.1)
    by_epoch = config.pop("warmup_by_epoch", False)
    if kind is None:
        return optax.constant_schedule(1.0)
    if kind not in WARMUPS:
        raise UserError(f"warmup: {kind!r} is not one of {', '.join(WARMUPS)}")
    if not 0 < ratio <= 1:
        raise UserError(f"warmup_ratio: {ratio!r} is not in (0, 1]")
    length = positive("warmup_iters", iters)
    if by_epoch:
        length *= positive("iters_per_epoch", iters_per_epoch)
    if length > max_iters:
        raise UserError(f"the warm-up takes {length} iterations, longer than the training, {max_iters}")
    if kind == "constant":
        return optax.join_schedules([optax.constant_schedule(ratio), optax.constant_schedule(1.0)], [length])
    if kind == "linear":
        rise = optax.linear_schedule(0.0, 1.0, length)
        return lambda step: ratio + (1 - ratio) * rise(step)  # from ratio itself, float32 would lose a small one
    return optax.exponential_decay(ratio, length, 1 / ratio, end_value=1.0)
