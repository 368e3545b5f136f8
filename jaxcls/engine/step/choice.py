"""What a step changes, or leaves as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jax import Array

PyTree = Any


def changed_if(condition: Array, change: Callable[..., PyTree], tree: PyTree, *more: PyTree) -> PyTree:
    """`change(tree, *more)` where the condition holds, else `tree`; its types are those of `tree` in any case.

    One choice between trees: a choice for each leaf makes XLA compile deep networks for minutes.

    Args:
        condition: bool scalar.
        change: gives a tree of the same structure.
        tree: what may change.
        *more: what `change` needs.
    """

    def changed(tree: PyTree, *more: PyTree) -> PyTree:
        return jax.tree.map(_as_type_of, tree, change(tree, *more))

    return jax.lax.cond(condition, changed, lambda tree, *_: tree, tree, *more)


def _as_type_of(old: Array, new: Array) -> Array:
    return new if new.dtype == old.dtype else new.astype(old.dtype)  # keys of random numbers cannot be cast
