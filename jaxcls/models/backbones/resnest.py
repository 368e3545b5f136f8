"""ResNeSt (Zhang et al. 2020, arXiv:2004.08955); mmcls/models/backbones/resnest.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.models.backbones.resnet import ResNetV1d
from jaxcls.models.backbones.resnext import GroupedBottleneck
from jaxcls.models.layers import Conv, Layers, avg_pool, global_avg_pool


class SplitAttentionConv2d(nn.Module):
    """`radix` 3x3 convolutions whose results are added with weights for each channel, learnt from their mean.

    (N, H, W, C) -> (N, H / stride, W / stride, C).

    Attributes:
        groups: cardinal groups of the convolutions.
        radix: how many results are weighed against each other; with 1 there is one, with a gate.
        reduction_factor: C times `radix` over the channels that the weights are computed from, at least 32.
    """

    stride: int = 1
    dilation: int = 1
    groups: int = 1
    radix: int = 2
    reduction_factor: int = 4
    layers: Layers = Layers()

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics."""
        channels, layers, total = x.shape[-1], self.layers, x.shape[-1] * self.radix
        window = (3, self.stride, self.dilation, self.dilation, self.groups * self.radix)
        splits = layers.conv(total, *window, name="conv")(x)
        splits = nn.relu(layers.norm(layers.norm_name(0))(splits, train))
        splits = splits.reshape(*splits.shape[:3], self.radix, channels)
        gap = global_avg_pool(splits.sum(3), keepdims=True)
        gap = Conv(max(total // self.reduction_factor, 32), 1, groups=self.groups, name="fc1")(gap)
        gap = nn.relu(layers.norm(layers.norm_name(1))(gap, train))
        return (splits * self._weights(Conv(total, 1, groups=self.groups, name="fc2")(gap))).sum(3)

    def _weights(self, logits: Array) -> Array:
        """(N, 1, 1, groups * radix * C / groups) -> (N, 1, 1, radix, C), in float32 on the way."""
        values = logits.astype(jnp.float32)
        if self.radix == 1:
            return jax.nn.sigmoid(values).astype(logits.dtype)[..., None, :]
        values = values.reshape(logits.shape[0], 1, 1, self.groups, self.radix, -1).swapaxes(3, 4)
        return jax.nn.softmax(values, axis=3).reshape(logits.shape[0], 1, 1, self.radix, -1).astype(logits.dtype)


class SplitAttentionBottleneck(GroupedBottleneck):
    """A bottleneck with `SplitAttentionConv2d` in the middle.

    Attributes:
        radix: see there; so is `reduction_factor`.
        avg_down_stride: a pooling after the convolution has the stride.
    """

    groups: int = 1
    radix: int = 2
    reduction_factor: int = 4
    avg_down_stride: bool = True

    def middle(self, y: Array, stride: int, train: bool) -> Array:
        pools = self.avg_down_stride and stride > 1
        y = SplitAttentionConv2d(
            1 if pools else stride,
            self.dilation,
            self.groups,
            self.radix,
            self.reduction_factor,
            self.layers,
            name="conv2",
        )(y, train)
        return avg_pool(y, 3, stride, 1) if pools else y


class ResNeSt(ResNetV1d):
    """`ResNetV1d` with split attention.

    Attributes:
        depth: 50, 101, 152, 200 or 269.
        groups: cardinal groups of the middle convolutions.
        width_per_group: where there are several, channels of a group in the first stage.
        radix: splits within a group.
        reduction_factor: see `SplitAttentionConv2d`.
        avg_down_stride: blocks with a stride pool after the middle convolution.
    """

    groups: int = 1
    width_per_group: int = 4
    radix: int = 2
    reduction_factor: int = 4
    avg_down_stride: bool = True

    variants: ClassVar[Mapping[int, Any]] = {
        50: (SplitAttentionBottleneck, 4, (3, 4, 6, 3)),
        101: (SplitAttentionBottleneck, 4, (3, 4, 23, 3)),
        152: (SplitAttentionBottleneck, 4, (3, 8, 36, 3)),
        200: (SplitAttentionBottleneck, 4, (3, 24, 36, 3)),
        269: (SplitAttentionBottleneck, 4, (3, 30, 48, 8)),
    }

    @nn.nowrap
    def block_arguments(self, first: bool) -> dict[str, Any]:
        groups = {"groups": self.groups, "width_per_group": self.width_per_group, "base_channels": self.base_channels}
        return {
            **groups,
            "radix": self.radix,
            "reduction_factor": self.reduction_factor,
            "avg_down_stride": self.avg_down_stride,
        }
