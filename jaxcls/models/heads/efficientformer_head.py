"""EfficientFormer's head (mmcls/models/heads/efficientformer_head.py)."""

from __future__ import annotations

from typing import Any

from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.heads.cls_head import Features, Head
from jaxcls.models.layers import Linear


class EfficientFormerClsHead(Head):
    """Features (N, in_channels) -> logits (N, num_classes), with `distillation` the mean of two layers' logits.

    Attributes:
        num_classes: K.
        in_channels: of the features.
        distillation: there is a second layer that learnt from a teacher. As in the original it does not train.

    Raises:
        UserError: no classes, or training with `distillation`.
    """

    num_classes: int = 1000
    in_channels: int | None = None
    distillation: bool = True
    init_cfg: Any = nn.FrozenDict({"type": "Normal", "layer": "Linear", "std": 0.01})

    def __post_init__(self) -> None:
        if self.num_classes <= 0:
            raise UserError(f"num_classes={self.num_classes}; at least 1")
        super().__post_init__()

    @nn.compact
    def __call__(self, features: Features, train: bool = False) -> Array:
        """Logits; `train` is refused with `distillation`."""
        if train and self.distillation:
            raise UserError("EfficientFormerClsHead: distillation=True does not train; set distillation=False")
        x = self.pre_logits(features, train)
        logits = Linear(self.num_classes, name="head")(x)
        return (logits + Linear(self.num_classes, name="dist_head")(x)) / 2 if self.distillation else logits
