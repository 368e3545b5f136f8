"""Attention biases by how far two places lie apart (Graham et al. 2021, arXiv:2104.01136, section 4.3)."""

from __future__ import annotations

import functools

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from jaxcls.models.layers.initializers import constant


@functools.cache
def distance_index(resolution: int, stride: int = 1) -> np.ndarray:
    """(L, resolution ** 2): the table's column for a query and a key, by their distance down and across.

    Queries are every `stride`-th place of a square map, down and across.
    """
    queries, keys = np.arange(0, resolution, stride), np.arange(resolution)
    apart = np.abs(queries[:, None] - keys)
    places = apart[:, None, :, None] * resolution + apart[None, :, None, :]
    return places.reshape(len(queries) ** 2, resolution**2)


class DistanceBias(nn.Module):
    """A learnt bias for each distance: -> (1, heads, L, resolution ** 2), float32; see `distance_index`."""

    num_heads: int
    resolution: int
    stride: int = 1

    @nn.compact
    def __call__(self) -> Array:
        shape = (self.num_heads, self.resolution**2)
        table = self.param("attention_biases", constant(0.0), shape, jnp.float32).astype(jnp.float32)
        return table[:, distance_index(self.resolution, self.stride)][None]
