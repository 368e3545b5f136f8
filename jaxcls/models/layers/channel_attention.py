"""Attention among channels instead of places (El-Nouby et al. 2021, arXiv:2106.09681)."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.models.layers.attention import attention, split_heads, unit, weight_dropout
from jaxcls.models.layers.conv import Linear
from jaxcls.models.layers.initializers import constant


def channel_attention(query: Array, key: Array, value: Array, **arguments: Any) -> Array:
    """`attention` whose sequence is each head's channels and whose vectors run over the places.

    Args:
        query: (N, L, heads, D).
        key: (N, L, heads, D).
        value: (N, L, heads, D).
        **arguments: of `attention`; the weights are (N, heads, D, D).

    Returns:
        (N, L, heads, D).
    """
    query, key, value = (jnp.swapaxes(x, 1, 3) for x in (query, key, value))
    return attention(query, key, value, **arguments).swapaxes(1, 3)


class ChannelMultiheadAttention(nn.Module):
    """Self-attention among each head's channels, the logits cosines times a learnt factor a head: (N, L, D) -> same.

    Attributes:
        num_heads: a divisor of D.
        attn_drop: dropout rate of the attention weights.
        proj_drop: dropout rate of the output.
        qkv_bias: whether query, key and value have a bias.
        factor: the learnt factors' name.
    """

    num_heads: int
    attn_drop: float = 0.0
    proj_drop: float = 0.0
    qkv_bias: bool = False
    factor: str = "temperature"

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """Attends; `train`: with dropout."""
        scale = self.param(self.factor, constant(1.0), (self.num_heads, 1, 1), jnp.float32).astype(jnp.float32)
        query, key, value = split_heads(Linear(3 * x.shape[-1], use_bias=self.qkv_bias, name="qkv")(x), self.num_heads)
        dropout = weight_dropout(self.attn_drop, train)
        y = channel_attention(unit(query, 1), unit(key, 1), value, scale=scale, dropout=dropout)
        y = Linear(x.shape[-1], name="proj")(y.reshape(x.shape))
        return nn.Dropout(self.proj_drop)(y, deterministic=not train)
