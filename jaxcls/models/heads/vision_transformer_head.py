"""The Vision Transformer's head (mmcls/models/heads/vision_transformer_head.py)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.heads.cls_head import Features, Head
from jaxcls.models.layers import FixedInitLinear, Linear, build_activation
from jaxcls.models.layers.initializers import constant, trunc_normal


class VisionTransformerClsHead(Head):
    """The class token (N, in_channels) -> logits (N, num_classes), the last layer zero at first.

    Attributes:
        num_classes: K.
        in_channels: of the class token.
        hidden_dim: width of a layer before the last one, for pre-training; None: there is none.
        act_cfg: the activation after that layer.

    Raises:
        UserError: no classes, or features without a class token or of another width.
    """

    num_classes: int = 1000
    in_channels: int = 768
    hidden_dim: int | None = None
    act_cfg: Mapping[str, Any] = nn.FrozenDict({"type": "Tanh"})
    init_cfg: Any = nn.FrozenDict({"type": "Constant", "layer": "Linear", "val": 0})

    def __post_init__(self) -> None:
        if self.num_classes <= 0:
            raise UserError(f"num_classes={self.num_classes}; at least 1")
        super().__post_init__()

    def setup(self) -> None:
        """The layers, which `pre_logits` too uses."""
        if self.hidden_dim is not None:
            lecun = trunc_normal(std=math.sqrt(1 / self.in_channels))
            self.hidden = FixedInitLinear(self.hidden_dim, lecun, constant(0.0), name="layers.pre_logits")
        self.last = Linear(self.num_classes, name="layers.head")

    def pre_logits(self, features: Features, train: bool = False) -> Array:
        """The class token (N, in_channels) of the last output or, with `hidden_dim`, (N, hidden_dim)."""
        token = features[-1][-1] if isinstance(features[-1], tuple | list) else None
        if token is None or token.ndim != 2:
            raise UserError("VisionTransformerClsHead needs a class token: a backbone with output_cls_token=True")
        if token.shape[-1] != self.in_channels:
            raise UserError(f"VisionTransformerClsHead: in_channels={self.in_channels}, but the token is {token.shape}")
        return token if self.hidden_dim is None else build_activation(self.act_cfg)(self.hidden(token))

    def __call__(self, features: Features, train: bool = False) -> Array:
        """Logits; nothing here depends on `train`."""
        return self.last(self.pre_logits(features, train))
