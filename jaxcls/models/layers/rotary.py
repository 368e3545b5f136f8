"""Rotary positions of patches (Su et al. 2021, arXiv:2104.09864; mmpretrain's RotaryEmbeddingFast)."""

from __future__ import annotations

import functools

import jax.numpy as jnp
import numpy as np
from jax import Array

Tables = tuple[Array, Array]

_THETA = 10000.0


@functools.cache
def rotary_tables(height: int, width: int, dim: int, reference: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Cosines and sines (height * width, dim), float32: half of them are of the row, half of the column.

    Args:
        height: places down.
        width: places across.
        dim: of queries and keys.
        reference: places are scaled to 0 … `reference`, whatever the size, and neighbouring values turn by the same
            angle, as in EVA-02's own code; None: to 0 … dim / 2, and both halves turn by the same angles, as
            mmpretrain computes them.
    """
    half = dim // 2
    frequency = _THETA ** (-np.arange(0, half, 2) / half)

    def angles(length: int) -> np.ndarray:
        if reference is None:
            return np.tile(np.outer(np.arange(length) / length * half, frequency), 2)
        return np.repeat(np.outer(np.arange(length) / length * reference, frequency), 2, axis=-1)

    rows = np.broadcast_to(angles(height)[:, None], (height, width, half))
    columns = np.broadcast_to(angles(width), (height, width, half))
    position = np.concatenate([rows, columns], axis=-1).reshape(height * width, dim)
    return np.cos(position).astype(np.float32), np.sin(position).astype(np.float32)


def rotate(x: Array, tables: Tables) -> Array:
    """Queries or keys (N, L, heads, D) -> same: each two neighbouring values turned by their place's angles.

    `tables` are cosines and sines (P, D) of the last P tokens; those before them stay.
    """
    cos, sin = (table.astype(jnp.float32)[:, None] for table in tables)
    count = x.shape[1] - len(cos)
    placed = x[:, count:].astype(jnp.float32)
    pairs = placed.reshape(*placed.shape[:-1], -1, 2)
    turned = jnp.stack([-pairs[..., 1], pairs[..., 0]], axis=-1).reshape(placed.shape)
    return jnp.concatenate([x[:, :count], (placed * cos + turned * sin).astype(x.dtype)], axis=1)
