"""The gated feed-forward part of DINOv2 and EVA-02 (Shazeer 2020, arXiv:2002.05202).

After mmpretrain/models/utils/swiglu_ffn.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.models.layers.ffn import linear
from jaxcls.models.layers.initializers import Initializer
from jaxcls.models.layers.layer_scale import LayerScale
from jaxcls.models.layers.norm import build_norm


class SwiGLUFFN(nn.Module):
    """SiLU of one projection times another, projected back: (..., D) -> same.

    Attributes:
        feedforward_channels: width of the product.
        norm_cfg: the norm of the product, or None.
        drop_rate: dropout rate of the result.
        layer_scale_init_value: where `LayerScale` on the result starts; 0: there is none.
        kernel_init: initial kernels and, in `bias_init`, biases, whatever `init_cfg` says; both or none.
    """

    feedforward_channels: int
    norm_cfg: Mapping[str, Any] | None = None
    drop_rate: float = 0.0
    layer_scale_init_value: float = 0.0
    kernel_init: Initializer | None = None
    bias_init: Initializer | None = None

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with dropout."""
        inits = (self.kernel_init, self.bias_init)
        gate, value = jnp.split(linear(2 * self.feedforward_channels, "w12", *inits)(x), 2, axis=-1)
        hidden = jax.nn.silu(gate) * value
        if self.norm_cfg is not None:
            hidden = build_norm(self.norm_cfg, "norm")(hidden, train)
        y = linear(x.shape[-1], "w3", *inits)(hidden)
        if self.layer_scale_init_value > 0:
            y = LayerScale(self.layer_scale_init_value, name="gamma2")(y)
        return nn.Dropout(self.drop_rate)(y, deterministic=not train)
