"""One update from the gradients of several iterations.

As mmcv/runner/hooks/optimizer.py: GradientCumulativeOptimizerHook. BatchNorm's statistics remain those of each
iteration's own batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from jaxcls.engine.step.choice import changed_if
from jaxcls.errors import UserError

if TYPE_CHECKING:
    from jaxcls.engine.step.train_state import TrainState

Update = Callable[["TrainState", Any], tuple["TrainState", Array]]


class Accumulated(struct.PyTreeNode):
    """What has come together since the last update, where an update takes several iterations.

    Attributes:
        grads: like the parameters; each iteration's gradient, divided by their number.
        count: how many of them were finite, int32 scalar.
        grad_norm: of the last update's gradient, before clipping.
    """

    grads: Any
    count: Array
    grad_norm: Array


@dataclass(frozen=True)
class Accumulation:
    """When to update, and what one iteration's gradient weighs in it.

    Attributes:
        iters: iterations an update; 1: each is one.
        max_iters: the training's length: the iterations that are left after the last whole update make one of their
            own. None: they make none.
    """

    iters: int = 1
    max_iters: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.iters, int) or self.iters < 1:
            raise UserError(f"cumulative_iters: {self.iters!r}; expected a whole number from 1")

    def init(self, params: Any) -> Accumulated | None:
        """What nothing has come together in; None where each iteration is an update."""
        if self.iters == 1:
            return None
        return Accumulated(jax.tree.map(jnp.zeros_like, params), jnp.zeros((), jnp.int32), jnp.zeros(()))

    def run(self, update: Update, state: TrainState, grads: Any, finite: Array) -> tuple[TrainState, Array]:
        """The state after one iteration, and the norm of the latest update's gradient.

        Gradients that are not finite count as nothing; there is no update where all since the last one were such.

        Args:
            update: (state, gradients) -> state, norm.
            state: before.
            grads: the iteration's gradients.
            finite: whether they are.
        """
        if self.iters == 1:
            no_norm = jnp.full((), jnp.nan)
            return changed_if(finite, lambda before, grads: update(before[0], grads), (state, no_norm), grads)
        assert state.accumulated is not None
        count = state.accumulated.count + jnp.where(finite, 1, 0)
        share = 1.0 / self._divisor(state.step)

        def add(total: Any, grads: Any) -> Any:
            return jax.tree.map(lambda sum_, grad: sum_ + grad * share, total, grads)

        total = changed_if(finite, add, state.accumulated.grads, grads)

        def apply(before: tuple[TrainState, Array]) -> tuple[TrainState, Array]:
            new, norm = update(before[0], total)
            zero = jax.tree.map(jnp.zeros_like, total)
            return new.replace(accumulated=Accumulated(zero, jnp.zeros_like(count), norm)), norm

        last_norm = state.accumulated.grad_norm
        waiting = state.replace(accumulated=Accumulated(total, count, last_norm))
        return changed_if(self._is_due(state.step) & (count > 0), apply, (waiting, last_norm))

    def _divisor(self, step: Array) -> Array | int:
        if self.max_iters is None or not (rest := self.max_iters % self.iters):
            return self.iters
        return jnp.where(step < self.max_iters - rest, self.iters, rest)

    def _is_due(self, step: Array) -> Array:
        return ((step + 1) % self.iters == 0) | (step + 1 == (self.max_iters or -1))
