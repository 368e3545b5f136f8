"""Squeeze and excitation (Hu et al. 2018, arXiv:1709.01507; mmcls/models/utils/se_layer.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.layers.conv_module import ConvModule
from jaxcls.models.layers.divisible import make_divisible
from jaxcls.models.layers.kit import RELU, Layers
from jaxcls.models.layers.pooling import global_avg_pool

Config = Mapping[str, Any]

SIGMOID: Config = nn.FrozenDict({"type": "Sigmoid"})


class SELayer(nn.Module):
    """Channels weighted by what their means say: (N, H, W, C) -> same.

    Attributes:
        channels: C, in the original's configs; the layer takes what comes.
        squeeze_channels: between the two layers; None: C / `ratio`, made divisible by `divisor`.
        bias: whether the two layers have one; `auto`: they do.
        act_cfg: of the two layers, or one for both.
        return_weight: the weights (N, 1, 1, C) are returned alone.
    """

    channels: int | None = None
    squeeze_channels: int | None = None
    ratio: int = 16
    divisor: int = 8
    bias: bool | str = "auto"
    conv_cfg: Config | None = None
    act_cfg: Config | tuple[Config, ...] = (RELU, SIGMOID)
    return_weight: bool = False
    init_cfg: Any = None

    def __post_init__(self) -> None:
        if not isinstance(self.act_cfg, Mapping) and len(self.act_cfg) != 2:
            raise UserError(f"SELayer: act_cfg={self.act_cfg}; expected one dict or two")
        super().__post_init__()

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """In the dtype of `x`."""
        first, second = (self.act_cfg,) * 2 if isinstance(self.act_cfg, Mapping) else self.act_cfg
        squeezed = self.squeeze_channels or make_divisible(x.shape[-1] // self.ratio, self.divisor)
        use_bias = bool(self.bias)
        y = global_avg_pool(x, keepdims=True)
        for width, act_cfg, name in ((squeezed, first, "conv1"), (x.shape[-1], second, "conv2")):
            y = ConvModule(width, 1, layers=Layers(self.conv_cfg, None, act_cfg), use_bias=use_bias, name=name)(y)
        return y if self.return_weight else x * y
