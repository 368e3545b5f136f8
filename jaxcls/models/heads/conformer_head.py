"""Conformer's head (mmcls/models/heads/conformer_head.py)."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.heads.cls_head import Features, Head
from jaxcls.models.layers import FixedInitLinear
from jaxcls.models.layers.initializers import constant, trunc_normal


class ConformerHead(Head):
    """The features of both branches, (N, in_channels[0]) and (N, in_channels[1]) -> logits of each (2, N, K).

    The loss is the mean of both branches' losses; scores and accuracy are of the sum of their logits (Peng et al. 2021,
    arXiv:2105.03889).

    Attributes:
        num_classes: K.
        in_channels: of the convolutions' and of the transformer's features.

    Raises:
        UserError: no classes, or features that are no such pair.
    """

    num_classes: int = 1000
    in_channels: tuple[int, int] = (256, 384)
    init_cfg: Any = nn.FrozenDict({"type": "Normal", "layer": "Linear", "std": 0.01})

    def __post_init__(self) -> None:
        if self.num_classes <= 0:
            raise UserError(f"num_classes={self.num_classes}; at least 1")
        super().__post_init__()

    def setup(self) -> None:
        """A layer for each branch; in the original too their start wins over any init_cfg."""
        init = (trunc_normal(std=0.02), constant(0.0))
        self.conv = FixedInitLinear(self.num_classes, *init, name="conv_cls_head")
        self.trans = FixedInitLinear(self.num_classes, *init, name="trans_cls_head")

    def pre_logits(self, features: Features, train: bool = False) -> tuple[Array, Array]:
        """The last output's pair: (N, in_channels[0]) and (N, in_channels[1])."""
        pair = features[-1] if isinstance(features, tuple | list) else features
        widths = [part.shape[-1] for part in pair] if isinstance(pair, tuple | list) else []
        if widths != list(self.in_channels):
            raise UserError(f"ConformerHead: needs a pair of features of in_channels={self.in_channels}, got {widths}")
        return pair[0], pair[1]

    def __call__(self, features: Features, train: bool = False) -> Array:
        """Logits of both branches (2, N, K), as the original gives them without softmax."""
        conv, trans = self.pre_logits(features, train)
        return jnp.stack([self.conv(conv), self.trans(trans)])
