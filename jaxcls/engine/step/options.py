"""What a training step does beside the forward pass, the gradients and the optimiser's update."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jax import Array

from jaxcls.engine.step.accumulation import Accumulation
from jaxcls.engine.step.ema import Ema
from jaxcls.engine.step.precision import Precision


@dataclass(frozen=True)
class StepOptions:
    """The same for `create_train_state` and `make_train_step`.

    Attributes:
        precision: what the network computes in.
        accumulation: how many iterations make an update.
        clip: gradients -> clipped gradients and their norm, which is logged as `grad_norm`; None: they stay.
        ema: the averages to keep; None: none.
    """

    precision: Precision = Precision()  # noqa: RUF009 (immutable)
    accumulation: Accumulation = Accumulation()  # noqa: RUF009 (immutable)
    clip: Callable[[Any], tuple[Any, Array]] | None = None
    ema: Ema | None = None
