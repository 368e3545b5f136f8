"""Positions as sines and cosines of place, projected (El-Nouby et al. 2021, arXiv:2106.09681, appendix A)."""

from __future__ import annotations

import functools
import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from jaxcls.models.layers.conv import Conv

_WAVES, _TEMPERATURE = 32, 10000.0


@functools.cache
def waves(height: int, width: int) -> np.ndarray:
    """(height, width, 64), float32: sines and cosines of the row, then of the column, both from 0 to 2 pi."""

    def of(length: int) -> np.ndarray:
        place = np.arange(1, length + 1) / (length + 1e-6) * 2 * math.pi
        angles = place[:, None] / _TEMPERATURE ** (np.arange(0, _WAVES, 2) / _WAVES)
        return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(length, _WAVES)

    rows = np.broadcast_to(of(height)[:, None], (height, width, _WAVES))
    columns = np.broadcast_to(of(width), (height, width, _WAVES))
    return np.concatenate([rows, columns], axis=-1).astype(np.float32)


class FourierPosition(nn.Module):
    """A map and the positions of its places: (N, H, W, C) -> same.

    Attributes:
        projection: name of the 1x1 convolution that makes them C wide.
        default_init: how it starts where no `init_cfg` says so; None: as PyTorch's.
    """

    projection: str = "proj"
    default_init: Any = None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """In the dtype of `x`."""
        table = jnp.asarray(waves(*x.shape[1:3]))[None].astype(x.dtype)
        return x + Conv(x.shape[-1], 1, name=self.projection)(table)
