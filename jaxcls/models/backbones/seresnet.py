"""ResNet and ResNeXt with squeeze and excitation (Hu et al. 2018, arXiv:1709.01507).

After mmcls/models/backbones/seresnet.py and seresnext.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from flax import linen as nn
from jax import Array

from jaxcls.models.backbones.resnet import ResNet
from jaxcls.models.backbones.resnext import GroupedBottleneck
from jaxcls.models.layers import SELayer


class SEBottleneck(GroupedBottleneck):
    """A bottleneck whose channels are weighted before the shortcut is added.

    Attributes:
        se_ratio: channels over those within `SELayer`.
    """

    se_ratio: int = 16

    def branch_end(self, y: Array) -> Array:
        return SELayer(ratio=self.se_ratio, name="se_layer")(y)


_VARIANTS: Mapping[int, Any] = {
    50: (SEBottleneck, 4, (3, 4, 6, 3)),
    101: (SEBottleneck, 4, (3, 4, 23, 3)),
    152: (SEBottleneck, 4, (3, 8, 36, 3)),
}


class SEResNet(ResNet):
    """`ResNet` with squeeze and excitation.

    Attributes:
        se_ratio: channels over those within `SELayer`.
    """

    se_ratio: int = 16

    variants: ClassVar[Mapping[int, Any]] = _VARIANTS

    @nn.nowrap
    def block_arguments(self, first: bool) -> dict[str, Any]:
        return {"se_ratio": self.se_ratio, "groups": 1}


class SEResNeXt(SEResNet):
    """`SEResNet` with grouped convolutions, as `ResNeXt` has them.

    Attributes:
        groups: of the 3x3 convolutions.
        width_per_group: channels of a group in the first stage, twice as many in each that follows.
    """

    groups: int = 32
    width_per_group: int = 4

    @nn.nowrap
    def block_arguments(self, first: bool) -> dict[str, Any]:
        groups = {"groups": self.groups, "width_per_group": self.width_per_group}
        return {"se_ratio": self.se_ratio, "base_channels": self.base_channels, **groups}
