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
                count = len(feature)
                raise UserError(f"GlobalAveragePooling: takes maps alone, got {count} features together; set neck=None")
            if feature.ndim != self.dim + 2:
                advice = f"set dim={feature.ndim - 2}" if feature.ndim > 2 else "set neck=None, they are pooled already"
                raise UserError(
                    f"GlobalAveragePooling: dim={self.dim} with features of shape {feature.shape}; {advice}"
                )
        axes = tuple(range(1, self.dim + 1))
        return tuple(jnp.mean(feature, axes, dtype=jnp.float32).astype(feature.dtype) for feature in features)
