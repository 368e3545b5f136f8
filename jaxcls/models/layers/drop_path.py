"""Stochastic depth (Huang et al. 2016, arXiv:1603.09382)."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array


class DropPath(nn.Module):
    """Drops a residual branch for some samples of a batch, and scales the others up: (N, ...) -> same."""

    rate: float

    def __call__(self, x: Array, train: bool = False) -> Array:
        """Identity unless training; draws from the `dropout` stream, one draw a sample."""
        if not train or self.rate == 0.0:
            return x
        keep = 1.0 - self.rate
        mask = jax.random.bernoulli(self.make_rng("dropout"), keep, (x.shape[0],) + (1,) * (x.ndim - 1))
        return jnp.where(mask, x / keep, jnp.zeros((), x.dtype))


def drop_path_rates(rate: float, depths: Sequence[int]) -> list[tuple[float, ...]]:
    """The rates of each stage's blocks, growing linearly from 0 at the first block to `rate` at the last.

    Args:
        rate: the last block's.
        depths: blocks of each stage.
    """
    rates = np.linspace(0.0, rate, sum(depths)).tolist()
    return [tuple(rates[end - depth : end]) for end, depth in zip(np.cumsum(depths), depths, strict=True)]
