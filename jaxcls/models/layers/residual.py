"""The sum of a shortcut and a branch (He et al. 2016, arXiv:1512.03385)."""

from __future__ import annotations

import jax
from jax import Array, lax

from jaxcls.models.layers.platforms import leaves_jax, platform_dependent


def residual(x: Array, branch: Array) -> Array:
    """The sum of two arrays of one shape and dtype, (N, ...), in that dtype.

    On a CPU the sum, and its gradient, are computed once for all that uses them.
    """
    y = x + branch
    return y if leaves_jax() else _kept(y)


# XLA's fusion on a CPU writes cheap operations into each of their users. A network's residual sums, and their gradients
# from the other end, are one chain of additions: the n-th user would add up n branches, and compiling them takes as
# long. A division is not cheap, so that it is done once; here it is by 1, which only the running program knows.


@jax.custom_vjp
def _kept(x: Array) -> Array:
    return platform_dependent(x, cpu=lambda x: x / _one(x), default=lambda x: x)


def _forward(x: Array) -> tuple[Array, Array]:
    y = _kept(x)
    return y, y


def _backward(y: Array, gradient: Array) -> tuple[Array]:
    return (platform_dependent(gradient, y, cpu=lambda g, y: g / _one(y), default=lambda g, _: g),)


def _one(x: Array) -> Array:
    return 1 + 0 * lax.sign(x)  # where x is infinite too


_kept.defvjp(_forward, _backward)
