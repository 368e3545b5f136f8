"""Config -> all that decides how parameters move."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import optax

from jaxcls.arguments import unknown_keys
from jaxcls.builder import construct
from jaxcls.engine.optim import base_momentum, build_grad_clip, build_optimizer, has_momentum
from jaxcls.engine.optim.lookahead import build_lookahead
from jaxcls.engine.optim.schedules import build_lr_schedule, build_momentum_schedule
from jaxcls.engine.runner import Runner
from jaxcls.engine.step.accumulation import Accumulation
from jaxcls.engine.step.ema import Ema
from jaxcls.engine.step.options import StepOptions
from jaxcls.engine.step.precision import build_precision
from jaxcls.errors import UserError, close_names, refuse
from jaxcls.models.backbones.layout import Layout

Config = Mapping[str, Any]
# MMCV's names for what the keys beside `type` say already
_HOOKS = ("OptimizerHook", "DistOptimizerHook", "GradientCumulativeOptimizerHook")
_MUCH = 0.1  # of the first weights in the averages at the end
_log = logging.getLogger("jaxcls")
OPTIMIZER_CONFIG = ("type", "grad_clip", "cumulative_iters", "max_skipped_updates", "lookahead")


class Optimisation:
    """What `optimizer`, `optimizer_config`, `lr_config`, `momentum_config`, `precision` and `ema` ask for.

    Attributes:
        schedule: step -> learning rate.
        momentum_schedule: step -> momentum (of Adam and its kin: the first beta); None where there is none.
        options: the training step's.

    Args:
        config: the whole config.
        kind: what counts the training.
        length: of the training, in what that counts.
        iters_per_epoch: training iterations in a pass over the data.

    Raises:
        UserError: whatever cannot be.
    """

    def __init__(self, config: Config, kind: type[Runner], length: int, iters_per_epoch: int) -> None:
        self._optimizer = config["optimizer"]
        if "lr" not in self._optimizer:
            raise UserError(f"optimizer: needs 'lr', the learning rate; it has {', '.join(self._optimizer)}")
        self._max_iters = length * iters_per_epoch if kind.by_epoch else length
        span = (length, iters_per_epoch) if kind.by_epoch else (None, iters_per_epoch, length)
        self.schedule: optax.Schedule = build_lr_schedule(config["lr_config"], self._optimizer["lr"], *span)
        self._momentum_config = config["momentum_config"]
        self.momentum_schedule: optax.Schedule | None = None
        if self._momentum_config:
            momentum = base_momentum(self._optimizer)
            self.momentum_schedule = build_momentum_schedule(self._momentum_config, momentum, *span)
        elif has_momentum(self._optimizer):
            self.momentum_schedule = optax.constant_schedule(base_momentum(self._optimizer))
        clip, accumulation = _optimizer_config(config["optimizer_config"], self._max_iters)
        self._lookahead = build_lookahead(config["optimizer_config"].get("lookahead"))
        precision, ema = build_precision(config["precision"]), _build_ema(config["ema"], self._max_iters)
        self.options = StepOptions(precision, accumulation, clip, ema)

    def build_tx(self, params: Any, layout: Layout | None = None) -> optax.GradientTransformation:
        """The optimiser for these parameters of a classifier, whose backbone has that layout."""
        momentum = self.momentum_schedule if self._momentum_config else None
        tx = build_optimizer(self._optimizer, params, self.schedule, momentum, layout)
        return self._lookahead.wrap(tx, self._max_iters) if self._lookahead else tx


def _build_ema(config: Config | None, max_iters: int) -> Ema | None:
    if not config:
        return None
    ema = construct(Ema, config, "ema")
    if (share := ema.share_of_first(max_iters)) > _MUCH:
        much, slow = f"{100 * share:.3g} %", f"momentum={ema.momentum}, interval={ema.interval}"
        _log.warning("ema: %s of the averages will still be the first weights, as %s is slow for the run", much, slow)
    return ema


def _optimizer_config(config: Config, max_iters: int) -> tuple[Any, Accumulation]:
    refuse(unknown_keys(config, OPTIMIZER_CONFIG, "optimizer_config"))
    if (name := config.get("type", _HOOKS[0])) not in _HOOKS:
        hint = "; set config.precision" if "Fp16" in str(name) else ""
        raise UserError(f"optimizer_config.type: {name!r}; {close_names(str(name), _HOOKS)}{hint}")
    grad_clip = config.get("grad_clip")
    try:
        accumulation = Accumulation(config.get("cumulative_iters", 1), max_iters)
    except UserError as error:
        raise UserError(f"optimizer_config.{error}") from error
    return (build_grad_clip(grad_clip) if grad_clip else None), accumulation
