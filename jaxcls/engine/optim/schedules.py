"""The learning rate and the momentum as functions of the step: MMCV's policies on optax's curves.

`lr_config` and `momentum_config` are written as for MMCV 1.7 (`mmcv/runner/hooks/lr_updater.py`,
`momentum_updater.py`) and MMClassification 0.25; what a policy computes is theirs too. A policy gives the curve over t,
which counts epochs with `by_epoch=True` (a staircase) and iterations without; the warm-up multiplies the rate, and
divides the momentum, by a factor that always counts iterations, inside the training's length. What lies beyond the
training's end, milestones or a warm-up, is logged as a warning.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike

from jaxcls.arguments import unknown_keys, wrong_types
from jaxcls.builder import plain
from jaxcls.engine.optim import lr_policies, momentum_policies
from jaxcls.engine.optim.ranges import BELOW_ONE, NON_NEGATIVE, POSITIVE, UP_TO_ONE, Range, positive_integer, require
from jaxcls.engine.optim.unreached import unreached, warmup_unreached
from jaxcls.errors import UserError, close_names, refuse

__all__ = ["build_lr_schedule", "build_momentum_schedule"]

WARMUPS = ("constant", "linear", "exp")
COMMON_ARGUMENTS = ("by_epoch", "warmup", "warmup_iters", "warmup_ratio", "warmup_by_epoch")
_log = logging.getLogger("jaxcls")
_CHECKED = 4096  # so many steps of a schedule, evenly spread, are looked at


class Quantity(NamedTuple):
    """What a schedule gives.

    Attributes:
        name: as in `min_lr`.
        policies: name -> function of the base, the length and the policy's arguments.
        by_iteration: the policies that never go by epoch.
        to_minimum: those that take `min_lr_ratio` in place of `min_lr`.
        range: where all values lie.
        warm: (value, the warm-up's factor) -> the value during the warm-up.
        warmup_ratio: the factor's default.
    """

    name: str
    policies: Mapping[str, Callable[..., optax.Schedule]]
    by_iteration: tuple[str, ...]
    to_minimum: tuple[str, ...]
    range: Range
    warm: Callable[[Any, Any], Any]
    warmup_ratio: float


LR = Quantity(
    "lr",
    lr_policies.POLICIES,
    lr_policies.BY_ITERATION,
    lr_policies.TO_MIN_LR,
    NON_NEGATIVE,
    lambda rate, factor: rate * factor,
    0.1,
)
MOMENTUM = Quantity(
    "momentum",
    momentum_policies.POLICIES,
    momentum_policies.BY_ITERATION,
    momentum_policies.TO_MIN_MOMENTUM,
    BELOW_ONE,
    lambda momentum, factor: momentum / factor,
    0.9,
)


class Length(NamedTuple):
    """The training's length: one of `max_epochs` and `max_iters`, and the steps in an epoch."""

    max_epochs: int | None
    iters_per_epoch: int | None
    max_iters: int | None


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
        UserError: an unknown policy or argument, missing or contradictory ones, a curve that does not fit the
            training's length, or one that leaves the numbers from 0.
    """
    length = Length(max_epochs, iters_per_epoch, max_iters)
    return _named("lr_config", lr_config or {"policy": "fixed"}, base_lr, POSITIVE, length, LR)


def build_momentum_schedule(
    momentum_config: Mapping[str, Any],
    base_momentum: float,
    max_epochs: int | None,
    iters_per_epoch: int | None,
    max_iters: int | None = None,
) -> optax.Schedule:
    """The momentum (of Adam and its kin: the first beta) at each step.

    Args:
        momentum_config: `policy` (`step`, `CosineAnnealing`, `LinearAnnealing`, `cyclic`, `OneCycle`) and the rest, as
            in `lr_config`.
        base_momentum: the optimizer's (`jaxcls.engine.optim.base_momentum`).
        max_epochs: as for `build_lr_schedule`.
        iters_per_epoch: likewise.
        max_iters: likewise.

    Returns:
        `schedule(step)`, as `build_lr_schedule`.

    Raises:
        UserError: as `build_lr_schedule`; the momentum must stay in [0, 1), also where the warm-up raises it.
    """
    length = Length(max_epochs, iters_per_epoch, max_iters)
    return _named("momentum_config", momentum_config, base_momentum, BELOW_ONE, length, MOMENTUM)


def _named(
    where: str, config: Any, base: float, base_range: Range, length: Length, quantity: Quantity
) -> optax.Schedule:
    """The schedule; messages begin with `where`."""
    config = plain(config)
    name = _checked_policy(config, where, quantity)
    try:
        require(f"the optimizer's {quantity.name}", base, base_range)
        return _build(name, {key: value for key, value in config.items() if key != "policy"}, base, length, quantity)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    except TypeError as error:
        raise UserError(f"{where}: an argument of a wrong type in {config}: {error}") from error


def check_lr_config(config: Any) -> None:
    """Raises UserError for an unknown policy or argument of an `lr_config`, and for values of a wrong type."""
    _checked_policy(plain(config), "lr_config", LR)


def check_momentum_config(config: Any) -> None:
    """As `check_lr_config`, of a `momentum_config`."""
    _checked_policy(plain(config), "momentum_config", MOMENTUM)


def _checked_policy(config: Any, where: str, quantity: Quantity) -> str:
    """The policy's name, as it is spelt here; its arguments are known and of the right types."""
    if not isinstance(config, Mapping):
        raise UserError(f"{where}: expected a dict with a 'policy', got {config!r}")
    given, canonical = config.get("policy"), {key.lower(): key for key in quantity.policies}
    if str(given).lower() not in canonical:
        raise UserError(f"{where}: policy: {given!r} is unknown; {close_names(str(given), quantity.policies)}")
    name, least = canonical[str(given).lower()], f"min_{quantity.name}"
    policy, common = quantity.policies[name], ("policy", *COMMON_ARGUMENTS)
    parameters = inspect.signature(policy).parameters.values()
    own = [p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY]
    ratio = [f"{least}_ratio"] if name in quantity.to_minimum else []
    unknown = unknown_keys(config, {*own, *common, *ratio}, where, f"policy {name}")
    refuse([*unknown, *wrong_types(policy, {k: config[k] for k in own if config.get(k) is not None}, where)])
    return name


def _build(name: str, config: dict[str, Any], base: float, length: Length, quantity: Quantity) -> optax.Schedule:
    max_epochs, iters_per_epoch, max_iters = length
    if (max_epochs is None) == (max_iters is None):
        raise UserError(f"expected one of max_epochs and max_iters, got {max_epochs!r} and {max_iters!r}")
    by_epoch = _boolean("by_epoch", config.pop("by_epoch", max_iters is None and name not in quantity.by_iteration))
    if by_epoch and (name in quantity.by_iteration or max_epochs is None):
        raise UserError(f"by_epoch=True: policy {name} with max_epochs={max_epochs} goes by iteration")
    if max_iters is None:
        max_iters = positive_integer("max_epochs", max_epochs) * positive_integer("iters_per_epoch", iters_per_epoch)
    warmup, warmup_iters = _warmup(config, iters_per_epoch, quantity.warmup_ratio)
    max_iters = positive_integer("max_iters", max_iters)
    stair = positive_integer("iters_per_epoch", iters_per_epoch) if by_epoch else 1
    arguments = _arguments(name, config, base, quantity)
    total, unit = (max_epochs, "epochs") if by_epoch and max_epochs else (max_iters, "iterations")
    curve = quantity.policies[name](base, total, **arguments)
    for remark in [*unreached(arguments, total, unit), *warmup_unreached(warmup_iters, max_iters)]:
        _log.warning("%s_config: %s", quantity.name, remark)

    def schedule(step: ArrayLike) -> jax.Array:
        step = jnp.asarray(step, jnp.int32)
        return jnp.asarray(quantity.warm(curve(step // stair), warmup(step)), jnp.float32)

    _check(schedule, max_iters, quantity)
    return schedule


def _check(schedule: optax.Schedule, max_iters: int, quantity: Quantity) -> None:
    """Refuses values outside the quantity's range, and nothing but zeros."""
    steps = np.linspace(0, max_iters - 1, min(max_iters, _CHECKED)).astype(np.int32)
    values = np.asarray(jax.jit(jax.vmap(schedule))(steps))
    for step, value in zip(steps, values, strict=True):
        require(f"the {quantity.name} at iteration {step}", float(value), quantity.range)
    if not values.any():
        raise UserError(f"the {quantity.name} is 0 throughout")


def _arguments(name: str, config: dict[str, Any], base: float, quantity: Quantity) -> dict[str, Any]:
    """The policy's arguments, checked; `min_lr_ratio` becomes `min_lr`."""
    parameters = inspect.signature(quantity.policies[name]).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}
    least = f"min_{quantity.name}"
    if name in quantity.to_minimum:
        ratio, value = config.pop(f"{least}_ratio", None), config.pop(least, None)
        if (ratio is None) == (value is None):
            raise UserError(f"policy {name} needs one of {least} and {least}_ratio, got {value!r} and {ratio!r}")
        config[least] = base * ratio if value is None else value
    missing = [key for key, default in defaults.items() if default is inspect.Parameter.empty and key not in config]
    if missing:
        raise UserError(f"policy {name} needs {', '.join(map(repr, missing))}")
    return config


def _boolean(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise UserError(f"{name}: expected True or False, got {value!r}")
    return value


def _warmup(config: dict[str, Any], iters_per_epoch: int | None, ratio: float) -> tuple[optax.Schedule, int]:
    """The warm-up's factor, by default from `ratio`, and its iterations; takes its arguments out of `config`."""
    given = [key for key in COMMON_ARGUMENTS if key.startswith("warmup_") and key in config]
    if given and "warmup" not in config:
        raise UserError(f"{given[0]} is given without warmup, one of {', '.join(WARMUPS)}")
    kind = config.pop("warmup", None)
    iters, ratio = config.pop("warmup_iters", 0), config.pop("warmup_ratio", ratio)
    by_epoch = _boolean("warmup_by_epoch", config.pop("warmup_by_epoch", False))
    if kind is None:
        return optax.constant_schedule(1.0), 0
    if kind not in WARMUPS:
        raise UserError(f"warmup: {kind!r} is not one of {', '.join(WARMUPS)}")
    require("warmup_ratio", ratio, UP_TO_ONE)
    length = positive_integer("warmup_iters", iters)
    if by_epoch:
        length *= positive_integer("iters_per_epoch", iters_per_epoch)
    if kind == "constant":
        return optax.join_schedules([optax.constant_schedule(ratio), optax.constant_schedule(1.0)], [length]), length
    if kind == "linear":
        rise = optax.linear_schedule(0.0, 1.0, length)
        # from ratio itself, float32 would lose a small one
        return lambda step: ratio + (1 - ratio) * rise(step), length
    return optax.exponential_decay(ratio, length, 1 / ratio, end_value=1.0), length
