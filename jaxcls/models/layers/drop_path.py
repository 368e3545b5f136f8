"""Stochastic depth (Huang et al. 2016)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
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
