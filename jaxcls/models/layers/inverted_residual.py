"""The inverted residual of MobileNetV3 and EfficientNet (mmcls/models/utils/inverted_residual.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flax import linen as nn
from jax import Array

from jaxcls.models.layers.conv_module import ConvModule
from jaxcls.models.layers.drop_path import DropPath
from jaxcls.models.layers.kit import Layers
from jaxcls.models.layers.residual import residual
from jaxcls.models.layers.se_layer import SELayer


class InvertedResidual(nn.Module):
    """A 1x1 convolution that expands, one of each channel, squeeze and excitation, a linear 1x1 one that projects.

    (N, H, W, C) -> (N, H / stride, W / stride, features); with stride 1 and as many features as channels that is added
    to the input.

    Attributes:
        features: channels of the result.
        mid_channels: channels of the depthwise convolution; as many as come: nothing expands.
        se_cfg: arguments of `SELayer`, or None.
        drop_path_rate: probability of dropping the branch.
    """

    features: int
    mid_channels: int
    kernel_size: int = 3
    stride: int = 1
    se_cfg: Mapping[str, Any] | None = None
    layers: Layers = Layers()
    drop_path_rate: float = 0.0

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics and stochastic depth."""
        y, mid = x, self.mid_channels
        if mid != x.shape[-1]:
            y = ConvModule(mid, 1, layers=self.layers, name="expand_conv")(y, train)
        window = (self.kernel_size, self.stride, self.kernel_size // 2)
        y = ConvModule(mid, *window, groups=mid, layers=self.layers, name="depthwise_conv")(y, train)
        if self.se_cfg is not None:
            y = SELayer(**self.se_cfg, name="se")(y)
        y = ConvModule(self.features, 1, layers=self.layers.replace(act_cfg=None), name="linear_conv")(y, train)
        if self.stride != 1 or self.features != x.shape[-1]:
            return y
        return residual(x, DropPath(self.drop_path_rate)(y, train))
