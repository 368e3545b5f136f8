"""AlexNet as torchvision has it (Krizhevsky 2014, arXiv:1404.5997); mmcls/models/backbones/alexnet.py."""

from __future__ import annotations

from typing import Any, ClassVar

from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.backbones.base import Backbone
from jaxcls.models.backbones.layout import Layout
from jaxcls.models.layers import Conv, Linear, max_pool

# place in the original's nn.Sequential: features, window, stride, padding, and whether a pooling follows
_CONVOLUTIONS = (
    (0, 64, 11, 4, 2, True),
    (3, 192, 5, 1, 2, True),
    (6, 384, 3, 1, 1, False),
    (8, 256, 3, 1, 1, False),
    (10, 256, 3, 1, 1, True),
)


class AlexNet(Backbone):
    """Images (N, 224, 224, C) -> ((N, num_classes),), or ((N, 6, 6, 256),) where `num_classes` is -1.

    Attributes:
        num_classes: K; -1: features alone, of images of any size.

    Raises:
        UserError: images whose map is not 6x6, with `num_classes`.
    """

    num_classes: int = -1
    init_cfg: Any = None

    layout: ClassVar[Layout] = Layout(blocks=("features.{stage}",), rest=("classifier",), first=0)

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array]:
        """`train`: with dropout, which only the classifier has."""
        height, width = x.shape[1:3]
        if self.num_classes > 0 and (_map_side(height), _map_side(width)) != (6, 6):
            raise UserError(f"AlexNet: images of {height}x{width} pixels; with num_classes it needs 224x224")
        for place, features, window, stride, padding, pooled in _CONVOLUTIONS:
            x = nn.relu(Conv(features, window, stride, padding, name=f"features.{place}")(x))
            x = max_pool(x, 3, 2) if pooled else x
        if self.num_classes <= 0:
            return (x,)
        x = x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1)
        for place in (1, 4):
            x = nn.Dropout(0.5)(x, deterministic=not train)
            x = nn.relu(Linear(4096, name=f"classifier.{place}")(x))
        return (Linear(self.num_classes, name="classifier.6")(x),)


def _map_side(side: int) -> int:
    """Of images -> of the last map."""
    for _, _, window, stride, padding, pooled in _CONVOLUTIONS:
        side = (side + 2 * padding - window) // stride + 1
        side = (side - 3) // 2 + 1 if pooled else side
    return side
