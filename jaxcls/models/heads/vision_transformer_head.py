"""Heads of the Vision Transformer and of DeiT with distillation.

After mmcls/models/heads/vision_transformer_head.py and deit_head.py.
"""

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


class TokenHead(Head):
    """For what comes with tokens (N, in_channels) after the patches: what both heads share.

    Attributes:
        num_classes: K.
        in_channels: of a token.
        hidden_dim: width of a layer before the last one, for pre-training; None: there is none.
        act_cfg: the activation after that layer.

    Raises:
        UserError: no classes.
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

    def tokens(self, features: Features, *wanted: str) -> list[Array]:
        """Of the last output, the tokens that it needs, each (N, in_channels) or, with `hidden_dim`, (N, hidden_dim).

        Raises:
            UserError: features without them or of another width.
        """
        name, last = type(self).__name__, features[-1]
        found = last[1:] if isinstance(last, tuple | list) else (last,) if last.ndim == 2 else ()
        if len(found) != len(wanted) or any(token.ndim != 2 for token in found):
            raise UserError(f"{name} needs {' and '.join(wanted)}: a backbone with output_cls_token=True")
        for token in found:
            if token.shape[-1] != self.in_channels:
                raise UserError(f"{name}: in_channels={self.in_channels}, but the token is {token.shape}")
        return [token if self.hidden_dim is None else self._hidden(token) for token in found]

    def _hidden(self, token: Array) -> Array:
        return build_activation(self.act_cfg)(self.hidden(token))


class VisionTransformerClsHead(TokenHead):
    """The class token (N, in_channels) -> logits (N, num_classes), the last layer zero at first."""

    def pre_logits(self, features: Features, train: bool = False) -> Array:
        """The class token (N, in_channels) of the last output or, with `hidden_dim`, (N, hidden_dim)."""
        return self.tokens(features, "a class token")[0]

    def __call__(self, features: Features, train: bool = False) -> Array:
        """Logits; nothing here depends on `train`."""
        return self.last(self.pre_logits(features, train))


class DeiTClsHead(TokenHead):
    """Class and distillation token, each (N, in_channels) -> the mean of their logits (N, num_classes).

    With a teacher the class token's logits learn from the labels, the distillation token's from the teacher (Touvron et
    al. 2021, arXiv:2012.12877); without one training is on the mean, as in the original.
    """

    def setup(self) -> None:
        """The layers, and the distillation token's own last one."""
        super().setup()
        self.last_of_teacher = Linear(self.num_classes, name="layers.head_dist")

    def pre_logits(self, features: Features, train: bool = False) -> list[Array]:
        """The two tokens, each (N, in_channels) or, with `hidden_dim`, (N, hidden_dim)."""
        return self.tokens(features, "a class token", "a distillation token")

    def __call__(self, features: Features, train: bool = False) -> Array:
        """Logits; nothing here depends on `train`."""
        of_labels, of_teacher = self.student_logits(features, train)
        return (of_labels + of_teacher) / 2

    def student_logits(self, features: Features, train: bool = False) -> tuple[Array, Array]:
        """The class token's logits and the distillation token's, each (N, num_classes)."""
        cls_token, dist_token = self.pre_logits(features, train)
        return self.last(cls_token), self.last_of_teacher(dist_token)
