"""ResNeXt (Xie et al. 2017, arXiv:1611.05431); mmcls/models/backbones/resnext.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from flax import linen as nn

from jaxcls.models.backbones.resnet import Bottleneck, ResNet


class GroupedBottleneck(Bottleneck):
    """A bottleneck whose 3x3 convolution has `groups`: (N, H, W, C) -> (N, H / stride, W / stride, features).

    Attributes:
        groups: of the 3x3 convolution; 1: as in ResNet.
        width_per_group: channels of a group in the first stage.
        base_channels: channels of ResNet's block in the first stage.
    """

    groups: int = 32
    width_per_group: int = 4
    base_channels: int = 64

    @property
    def width(self) -> int:
        plain = super().width
        return plain if self.groups == 1 else self.groups * self.width_per_group * plain // self.base_channels


class ResNeXt(ResNet):
    """`ResNet` with grouped convolutions.

    Attributes:
        groups: of the 3x3 convolutions.
        width_per_group: channels of a group in the first stage, twice as many in each that follows.
    """

    groups: int = 32
    width_per_group: int = 4

    variants: ClassVar[Mapping[int, Any]] = {
        50: (GroupedBottleneck, 4, (3, 4, 6, 3)),
        101: (GroupedBottleneck, 4, (3, 4, 23, 3)),
        152: (GroupedBottleneck, 4, (3, 8, 36, 3)),
    }

    @nn.nowrap
    def block_arguments(self, first: bool) -> dict[str, Any]:
        return {
            "groups": self.groups,
            "width_per_group": self.width_per_group,
            "base_channels": self.base_channels,
        }
