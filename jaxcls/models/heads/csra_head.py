"""Class-specific residual attention (Zhu & Wu 2021, arXiv:2108.02456; mmcls/models/heads/multi_label_csra_head.py)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.heads.cls_head import Features
from jaxcls.models.heads.multi_label_head import MultiLabelHead
from jaxcls.models.layers.initializers import from_init_cfg, pytorch_kernel

# heads -> their temperatures; table 1 of the paper
_TEMPERATURES = {
    1: (1,),
    2: (1, 99),
    4: (1, 2, 4, 99),
    6: (1, 2, 3, 4, 5, 99),
    8: (1, 2, 3, 4, 5, 6, 7, 99),
}
_MAXIMUM = 99  # the temperature at which the greatest score is taken


class CSRAModule(nn.Module):
    """A class's score at each position, its mean and `lam` times what attention to its peaks adds.

    (N, H, W, C) -> (N, num_classes), float32.

    Attributes:
        temperature: how sharp attention is; 99: the greatest score alone.
    """

    num_classes: int
    temperature: int
    lam: float

    @nn.compact
    def __call__(self, x: Array) -> Array:
        scores = _Scores(self.num_classes, name="head")(x).astype(jnp.float32)
        scores = scores.reshape(x.shape[0], -1, self.num_classes)
        if self.temperature == _MAXIMUM:
            peak = scores.max(1)
        else:
            peak = (scores * jax.nn.softmax(scores * self.temperature, axis=1)).sum(1)
        return scores.mean(1) + self.lam * peak


class _Scores(nn.Module):
    """A 1x1 convolution whose filters have length 1."""

    features: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        init = from_init_cfg(self, ("Conv2d", "_ConvNd"), pytorch_kernel, is_bias=False)
        kernel = self.param("kernel", init, (1, 1, x.shape[-1], self.features), jnp.float32)[0, 0]
        return jnp.dot(x, (kernel / jnp.linalg.norm(kernel, axis=0)).astype(x.dtype))


class CSRAClsHead(MultiLabelHead):
    """The last map of a backbone (N, H, W, in_channels) -> logits (N, num_classes), the sum of `num_heads` modules.

    Attributes:
        num_heads: 1, 2, 4, 6 or 8, with different temperatures.
        lam: weight of attention beside the mean, above 0.

    Raises:
        UserError: another number of heads, no weight, or features that are no map.
    """

    num_classes: int = 1000
    in_channels: int | None = None  # the original's configs give it; the layers take what comes
    num_heads: int = 1
    lam: float = 0.1
    init_cfg: Any = nn.FrozenDict({"type": "Normal", "layer": "Linear", "std": 0.01})

    def __post_init__(self) -> None:
        if self.num_heads not in _TEMPERATURES:
            raise UserError(f"CSRAClsHead: num_heads={self.num_heads}; allowed: {', '.join(map(str, _TEMPERATURES))}")
        if not self.lam > 0:
            raise UserError(f"CSRAClsHead: lam={self.lam}; expected a number above 0")
        super().__post_init__()

    def pre_logits(self, features: Features, train: bool = False) -> Array:
        """The last map (N, H, W, in_channels)."""
        x: Any = features[-1] if isinstance(features, tuple | list) else features
        if getattr(x, "ndim", 0) != 4:
            got = getattr(x, "shape", f"{len(x)} features together")
            raise UserError(f"CSRAClsHead: needs a map (N, H, W, C), got {got}: neck=None")
        if self.in_channels not in (None, x.shape[-1]):
            raise UserError(f"CSRAClsHead: in_channels={self.in_channels}, but the features have {x.shape[-1]}")
        return x

    @nn.compact
    def __call__(self, features: Features, train: bool = False) -> Array:
        """Logits, float32."""
        x, logits = self.pre_logits(features, train), jnp.float32(0.0)
        for i, temperature in enumerate(_TEMPERATURES[self.num_heads]):
            module = CSRAModule(self.num_classes, temperature, self.lam, name=f"csra_heads.{i}")
            logits = logits + module(x)
        return logits
