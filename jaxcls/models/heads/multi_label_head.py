"""Heads for any number of labels an image (mmcls/models/heads/multi_label_head.py, multi_label_linear_head.py)."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.models.heads.cls_head import Features, Head
from jaxcls.models.layers import Linear
from jaxcls.models.losses import CrossEntropyLoss


class MultiLabelHead(Head):
    """Labels are (N, K): 1 where a class is in the image, -1 where it is but difficult (it counts as there), else 0."""

    multi_label: ClassVar[bool] = True
    loss: Any = CrossEntropyLoss(use_sigmoid=True)

    def losses(self, logits: Array, label: Array, mask: Array | None = None) -> dict[str, Any]:
        """The loss, mean over the images that count."""
        return super().losses(logits, jnp.abs(label), mask)

    def scores(self, logits: Array) -> Array:
        """A probability for each class (N, K), float32."""
        return jax.nn.sigmoid(logits.astype(jnp.float32))


class MultiLabelClsHead(MultiLabelHead):
    """For backbones that give the logits themselves: (N, K) -> same."""

    def __call__(self, features: Features, train: bool = False) -> Array:
        return self.pre_logits(features, train)


class MultiLabelLinearClsHead(MultiLabelHead):
    """One fully connected layer: (N, in_channels) -> (N, num_classes)."""

    num_classes: int = 1000
    in_channels: int | None = None
    init_cfg: Any = nn.FrozenDict({"type": "Normal", "layer": "Linear", "std": 0.01})

    @nn.compact
    def __call__(self, features: Features, train: bool = False) -> Array:
        return Linear(self.num_classes, name="fc")(self.pre_logits(features, train))
