"""A head with hidden layers, as MobileNetV3 has (mmcls/models/heads/stacked_head.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.heads.cls_head import Features, Head
from jaxcls.models.layers import Linear, build_activation, build_norm

Config = Mapping[str, Any]


class LinearBlock(nn.Module):
    """A linear layer, norm, activation and dropout: (N, D) -> (N, features)."""

    features: int
    dropout_rate: float = 0.0
    norm_cfg: Config | None = None
    act_cfg: Config | None = None

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with dropout."""
        x = Linear(self.features, name="fc")(x)
        if self.norm_cfg is not None:
            x = build_norm(self.norm_cfg, "norm")(x, train)
        return nn.Dropout(self.dropout_rate)(build_activation(self.act_cfg)(x), deterministic=not train)


class StackedLinearClsHead(Head):
    """Hidden linear layers and one to the classes: (N, in_channels) -> (N, num_classes).

    Attributes:
        mid_channels: the hidden layers' widths, one or more.
        dropout_rate: after each hidden layer.
        norm_cfg: of the hidden layers; None: no norms.
        act_cfg: of the hidden layers.
        init_cfg: without effect, as in the original, whose head passes over its own: the layers start as PyTorch's.

    Raises:
        UserError: no hidden layer, or features of another width than `in_channels`.
    """

    num_classes: int = 1000
    in_channels: int | None = None  # the original's configs give it; the layers take what comes
    mid_channels: tuple[int, ...] = ()
    dropout_rate: float = 0.0
    norm_cfg: Config | None = None
    act_cfg: Config | None = nn.FrozenDict({"type": "ReLU"})

    def __post_init__(self) -> None:
        if not self.mid_channels:
            raise UserError(f"mid_channels={self.mid_channels}; expected the width of one hidden layer or more")
        self.init_cfg = None
        super().__post_init__()

    def setup(self) -> None:
        """The layers, of which `pre_logits` uses all but the last."""
        hidden = (self.dropout_rate, self.norm_cfg, self.act_cfg)
        self.hidden = [LinearBlock(width, *hidden, name=f"layers.{i}") for i, width in enumerate(self.mid_channels)]
        self.last = LinearBlock(self.num_classes, name=f"layers.{len(self.mid_channels)}")

    def __call__(self, features: Features, train: bool = False) -> Array:
        """Logits; `train`: with dropout."""
        return self.last(self.pre_logits(features, train), train)

    def pre_logits(self, features: Features, train: bool = False) -> Array:
        """What the last layer sees, (N, mid_channels[-1])."""
        x = super().pre_logits(features, train)
        for block in self.hidden:
            x = block(x, train)
        return x
