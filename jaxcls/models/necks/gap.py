"""Global average pooling (mmcls/models/necks/gap.py)."""

from __future__ import annotations

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError


class GlobalAveragePooling(nn.Module):
    """Features (N, ..., C) -> (N, C), the mean over the positions.

    Attributes:
        dim: the number of axes that positions have, 1, 2 or 3.
    """

    dim: int = 2

    def __call__(self, features: tuple[Array, ...], train: bool = False) -> tuple[Array, ...]:
        for feature in features:
            if isinstance(feature, tuple | list):
                raise UserError(f"GlobalAveragePooling: takes maps alone, got {len(feature)} features together")
            if feature.ndim != self.dim + 2:
                raise UserError(f"GlobalAveragePooling: dim={self.dim} with features of shape {feature.shape}")
        axes = tuple(range(1, self.dim + 1))
        return tuple(jnp.mean(feature, axes, dtype=jnp.float32).astype(feature.dtype) for feature in features)
