"""Generalised mean pooling (mmcls/models/necks/gem.py)."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.layers.initializers import constant


class GeneralizedMeanPooling(nn.Module):
    """Feature maps (N, H, W, C) -> (N, C), (mean of x^p)^(1/p) over the positions (Radenovic et al. 2018,
    arXiv:1711.02512; mmcls/models/necks/gem.py).

    Attributes:
        p: 1 is the mean, infinity the maximum.
        eps: what lies below counts as this.
        clamp: whether it does.
        p_trainable: whether p is a parameter.

    Raises:
        UserError: features of another number of axes.
    """

    p: float = 3.0
    eps: float = 1e-6
    clamp: bool = True
    p_trainable: bool = True

    @nn.compact
    def __call__(self, features: tuple[Array, ...], train: bool = False) -> tuple[Array, ...]:
        power: Any = self.p
        if self.p_trainable:
            power = self.param("p", constant(self.p), (1,), jnp.float32).astype(jnp.float32)
        return tuple(self._pooled(feature, power) for feature in features)

    def _pooled(self, feature: Array, power: Any) -> Array:
        if feature.ndim != 4:
            raise UserError(f"GeneralizedMeanPooling: features of shape {feature.shape}; expected (N, H, W, C)")
        x = feature.astype(jnp.float32)
        x = jnp.maximum(x, self.eps) if self.clamp else x
        return (jnp.mean(x**power, (1, 2)) ** (1 / power)).astype(feature.dtype)
