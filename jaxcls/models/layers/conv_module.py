"""Convolution, normalisation and activation as one block (mmcv/cnn/bricks/conv_module.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flax import linen as nn
from jax import Array

from jaxcls.models.layers.activation import build_activation
from jaxcls.models.layers.conv import IntOrPair, build_conv
from jaxcls.models.layers.norm import build_norm, norm_name


class ConvModule(nn.Module):
    """(N, H, W, C) -> (N, H', W', features); the convolution has a bias only where no norm follows it."""

    features: int
    kernel_size: IntOrPair
    stride: IntOrPair = 1
    padding: IntOrPair = 0
    dilation: IntOrPair = 1
    groups: int = 1
    conv_cfg: Mapping[str, Any] | None = None
    norm_cfg: Mapping[str, Any] | None = None
    act_cfg: Mapping[str, Any] | None = None

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        x = build_conv(
            self.conv_cfg,
            self.features,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.groups,
            use_bias=self.norm_cfg is None,
            name="conv",
        )(x)
        if self.norm_cfg is not None:
            x = build_norm(self.norm_cfg, norm_name(self.norm_cfg))(x, train)
        return build_activation(self.act_cfg)(x)
