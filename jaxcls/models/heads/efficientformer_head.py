"""EfficientFormer's head (mmcls/models/heads/efficientformer_head.py)."""

from __future__ import annotations

from typing import Any, ClassVar

from flax import linen as nn
from jax import Array

from jaxcls.models.heads.distilled_head import DistilledHead
from jaxcls.models.layers import Linear


class EfficientFormerClsHead(DistilledHead):
    """A fully connected layer, or two."""

    names: ClassVar[tuple[str, str]] = ("head", "dist_head")

    init_cfg: Any = nn.FrozenDict({"type": "Normal", "layer": "Linear", "std": 0.01})

    def layer(self, x: Array, name: str, train: bool) -> Array:
        """A layer."""
        return Linear(self.num_classes, name=name)(x)
