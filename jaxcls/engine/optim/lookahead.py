"""Lookahead (Zhang et al. 2019, arXiv:1907.08610): fast weights that return to slow ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxcls.builder import construct
from jaxcls.engine.optim.ranges import NON_NEGATIVE, UP_TO_ONE, positive_integer, require
from jaxcls.engine.step.choice import changed_if

PyTree = Any


class LookaheadState(NamedTuple):
    """The fast weights' optimiser's state, the slow weights, and the number of updates, int32 scalar."""

    fast: PyTree
    slow: PyTree
    updates: jax.Array


@dataclass(frozen=True)
class Lookahead:
    """slow <- slow + a (fast - slow), fast <- slow, after each `sync_period`-th update.

    Here a = 1 - (1 - slow_step_size) (t / T) ** power, at iteration t of T, 1 the first; with `power` 0 that is the
    paper's constant. The last update ends at the slow weights in any case
    (https://github.com/KellerJordan/cifar10-airbench). The norms' running statistics remain the fast weights'.

    Attributes:
        sync_period: updates from one return to the next.
        slow_step_size: in (0, 1]; 1: the slow weights are the fast ones.
        power: of the training's progress.
    """

    sync_period: int = 6
    slow_step_size: float = 0.5
    power: float = 0.0

    def __post_init__(self) -> None:
        positive_integer("sync_period", self.sync_period)
        require("slow_step_size", self.slow_step_size, UP_TO_ONE)
        require("power", self.power, NON_NEGATIVE)

    def wrap(self, tx: optax.GradientTransformationExtraArgs, max_iters: int) -> optax.GradientTransformationExtraArgs:
        """The optimiser with slow weights.

        Args:
            tx: moves the fast weights. Its and the result's `update` take the iteration as `step`, counted from 0.
            max_iters: the training's length.
        """

        def init(params: PyTree) -> LookaheadState:
            return LookaheadState(tx.init(params), jax.tree.map(jnp.copy, params), jnp.zeros((), jnp.int32))

        def update(
            grads: PyTree, state: LookaheadState, params: PyTree, *, step: jax.Array, **rest: Any
        ) -> tuple[PyTree, LookaheadState]:
            moves, fast = tx.update(grads, state.fast, params, step=step, **rest)
            updates, last = state.updates + 1, step + 1 == max_iters
            share = 1 - (1 - self.slow_step_size) * ((step + 1) / max_iters) ** self.power

            def follow(slow: PyTree, params: PyTree) -> PyTree:
                return jax.tree.map(lambda s, p: s + share * (p - s), slow, params)

            due = updates % self.sync_period == 0
            slow = changed_if(due, follow, state.slow, optax.apply_updates(params, moves))
            moves = changed_if(due | last, lambda _, slow: optax.tree.sub(slow, params), moves, slow)
            return moves, LookaheadState(fast, slow, updates)

        return optax.GradientTransformationExtraArgs(init, update)


def build_lookahead(config: Mapping[str, Any] | None) -> Lookahead | None:
    """`optimizer_config.lookahead`; None where there is none.

    Raises:
        UserError: an argument is wrong.
    """
    return construct(Lookahead, config, "optimizer_config.lookahead") if config else None
