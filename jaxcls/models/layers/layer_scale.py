"""A learnt factor a channel on a residual branch (Touvron et al. 2021, arXiv:2103.17239)."""

from __future__ import annotations

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.models.layers.initializers import constant, from_init_cfg


class LayerScale(nn.Module):
    """(..., C) -> same; `init_value` is where the factors start, unless an `init_cfg` speaks of `LayerScale`."""

    init_value: float = 1e-5

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """In the dtype of `x`."""
        start = from_init_cfg(self, ("LayerScale",), constant(self.init_value), is_bias=False)
        return x * self.param("weight", start, (x.shape[-1],), jnp.float32).astype(x.dtype)
