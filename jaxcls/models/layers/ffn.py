"""The feed-forward part of a transformer's layer (mmcv/cnn/bricks/transformer.py: FFN)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.layers.activation import build_activation
from jaxcls.models.layers.conv import Linear, product
from jaxcls.models.layers.initializers import Initializer
from jaxcls.models.layers.layer_scale import LayerScale


class FixedInitLinear(nn.Module):
    """`Linear` that starts as it says, whatever `init_cfg` does: (..., D) -> (..., features)."""

    features: int
    kernel_init: Initializer
    bias_init: Initializer

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """In the dtype of `x`."""
        kernel = self.param("kernel", self.kernel_init, (x.shape[-1], self.features), jnp.float32)
        bias = self.param("bias", self.bias_init, (self.features,), jnp.float32)
        return product(x, kernel) + bias.astype(x.dtype)


def linear(features: int, name: str, kernel_init: Initializer | None, bias_init: Initializer | None) -> nn.Module:
    """`FixedInitLinear` where both initializers are there, else `Linear`."""
    if kernel_init is None or bias_init is None:
        return Linear(features, name=name)
    return FixedInitLinear(features, kernel_init, bias_init, name=name)


class FFN(nn.Module):
    """Linear layers with an activation between: (..., D) -> same. What goes around it is the block's affair.

    Attributes:
        feedforward_channels: width between the layers.
        num_fcs: how many layers, at least 2.
        act_cfg: the activation.
        ffn_drop: dropout rate after each layer.
        layer_scale_init_value: where `LayerScale` on the result starts; 0: there is none.
        kernel_init: initial kernels and, in `bias_init`, biases, whatever `init_cfg` says; both or none.
    """

    feedforward_channels: int
    num_fcs: int = 2
    act_cfg: Mapping[str, Any] = nn.FrozenDict({"type": "GELU"})
    ffn_drop: float = 0.0
    layer_scale_init_value: float = 0.0
    kernel_init: Initializer | None = None
    bias_init: Initializer | None = None

    def __post_init__(self) -> None:
        if self.num_fcs < 2:
            raise UserError(f"FFN: num_fcs={self.num_fcs}; at least 2")
        super().__post_init__()

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with dropout."""
        inits = (self.kernel_init, self.bias_init)
        act, width = build_activation(self.act_cfg), x.shape[-1]
        for i in range(self.num_fcs - 1):
            # Linear, activation and dropout are one nn.Sequential in the original.
            x = act(linear(self.feedforward_channels, f"layers.{i}.0", *inits)(x))
            x = nn.Dropout(self.ffn_drop)(x, deterministic=not train)
        x = linear(width, f"layers.{self.num_fcs - 1}", *inits)(x)
        x = nn.Dropout(self.ffn_drop)(x, deterministic=not train)
        if self.layer_scale_init_value > 0:
            x = LayerScale(self.layer_scale_init_value, name="gamma2")(x)
        return x
