"""Learnt factors on a residual branch (Touvron et al. 2021, arXiv:2103.17239; mmcls/models/utils/layer_scale.py)."""

from __future__ import annotations

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.models.layers.initializers import constant, from_init_cfg


class LayerScale(nn.Module):
    """A factor for each channel, 1e-5 at first unless an `init_cfg` speaks of `LayerScale`: (..., C) -> same."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """In the dtype of `x`."""
        init = from_init_cfg(self, ("LayerScale",), constant(1e-5), is_bias=False)
        return x * self.param("weight", init, (x.shape[-1],), jnp.float32).astype(x.dtype)
