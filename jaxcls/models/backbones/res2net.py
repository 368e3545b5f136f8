"""Res2Net (Gao et al. 2019, arXiv:1904.01169); mmcls/models/backbones/res2net.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.backbones.resnet import Bottleneck, ResNet
from jaxcls.models.layers import avg_pool


class Bottle2neck(Bottleneck):
    """A bottleneck whose middle goes through `scales` groups of channels, one after the other.

    (N, H, W, C) -> (N, H / stride, W / stride, features). Each group but the last passes a 3x3 convolution, to whose
    input the result before is added; in a stage's first block it is not, and the last group is pooled.

    Attributes:
        scales: groups of channels, at least 2.
        base_width: channels of a group in the first stage, where ResNet's block has `base_channels`.
        base_channels: see there.
        first: whether the block is the first of its stage.
    """

    scales: int = 4
    base_width: int = 26
    base_channels: int = 64
    first: bool = False

    @property
    def group_width(self) -> int:
        """Channels of a group."""
        return int(super().width * (self.base_width / self.base_channels))

    @property
    def width(self) -> int:
        return self.group_width * self.scales

    def middle(self, y: Array, stride: int, train: bool) -> Array:
        *groups, last = jnp.split(y, self.scales, axis=-1)
        outputs: list[Array] = []
        for i, group in enumerate(groups):
            x = group if self.first or not outputs else outputs[-1] + group
            x = self.conv(self.group_width, 3, stride, f"convs.{i}", self.dilation)(x)
            outputs.append(nn.relu(self.layers.norm(f"bns.{i}")(x, train)))
        outputs.append(avg_pool(last, 3, stride, 1) if self.first else last)
        return jnp.concatenate(outputs, axis=-1)


class Res2Net(ResNet):
    """`ResNet` whose blocks see several scales.

    Attributes:
        depth: 50, 101 or 152.
        scales: groups of channels in a block, at least 2.
        base_width: channels of a group in the first stage.
    """

    scales: int = 4
    base_width: int = 26
    deep_stem: bool = True
    avg_down: bool = True
    init_cfg: Any = None

    variants: ClassVar[Mapping[int, Any]] = {
        50: (Bottle2neck, 4, (3, 4, 6, 3)),
        101: (Bottle2neck, 4, (3, 4, 23, 3)),
        152: (Bottle2neck, 4, (3, 8, 36, 3)),
    }

    def __post_init__(self) -> None:
        if self.scales < 2:
            raise UserError(f"scales={self.scales}; at least 2, 1 would be a ResNet")
        super().__post_init__()

    @nn.nowrap
    def block_arguments(self, first: bool) -> dict[str, Any]:
        widths = {"base_width": self.base_width, "base_channels": self.base_channels}
        return {"scales": self.scales, "first": first, **widths}
