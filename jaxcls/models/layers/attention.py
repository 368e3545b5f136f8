"""Multi-head attention (Vaswani et al. 2017, arXiv:1706.03762)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.layers.conv import Linear, product
from jaxcls.models.layers.initializers import constant, xavier
from jaxcls.models.layers.layer_scale import LayerScale
from jaxcls.models.layers.platforms import platform_dependent
from jaxcls.models.layers.rotary import Tables, rotate


def attention(
    query: Array,
    key: Array,
    value: Array,
    bias: Array | None = None,
    scale: float | Array | None = None,
    dropout: Callable[[Array], Array] | None = None,
) -> Array:
    """softmax(query key^T scale + bias) value, the softmax in float32.

    Args:
        query: (N, L, heads, D).
        key: (N, S, heads, D).
        value: (N, S, heads, D).
        bias: (N or 1, heads or 1, L, S), added to the logits.
        scale: one number, or (heads, 1, 1) where each head has its own; 1 / sqrt(D) where None.
        dropout: applied to the attention weights (N, heads, L, S), where there is one.

    Returns:
        (N, L, heads, D), from cuDNN's fused kernel where it has one.
    """
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    plain = partial(_attention, bias=bias, scale=scale, dropout=dropout)
    if bias is None and dropout is None and not isinstance(scale, Array) and _has_fused_kernel(query, key, value):
        fused = partial(jax.nn.dot_product_attention, scale=scale, implementation="cudnn")
        return platform_dependent(query, key, value, cuda=fused, default=plain)
    return plain(query, key, value)


def _attention(query: Array, key: Array, value: Array, bias: Array | None, scale: float | Array, dropout: Any) -> Array:
    # jax.nn's own fallback promotes dtypes implicitly, which `jax_numpy_dtype_promotion=strict` refuses.
    # Heads go before places: XLA's CPU programs take longer where a product's batch axes do not come first.
    query, key, value = (x.swapaxes(1, 2) for x in (query, key, value))
    logits = scale * jnp.einsum("nhld,nhsd->nhls", query, key, preferred_element_type=jnp.float32)
    weights = jax.nn.softmax(logits if bias is None else logits + bias)
    if dropout is not None:
        weights = dropout(weights)
    return jnp.einsum("nhls,nhsd->nhld", weights.astype(value.dtype), value).swapaxes(1, 2)


def _has_fused_kernel(query: Array, key: Array, value: Array) -> bool:
    """Whether cuDNN takes these where the program may run on a GPU; dot_product_attention raises where it does not.

    It asks for cuDNN's version as it is traced, so that a program for a GPU keeps the plain form where it is traced on
    a machine without one.
    """
    head_dim, gpus = query.shape[-1], _gpus()
    if query.shape[1] % 2 or key.shape[1] % 2:  # jax 0.11 refuses their gradient
        return False
    if not gpus or query.dtype not in (jnp.float16, jnp.bfloat16) or value.shape[-1] != head_dim:
        return False
    major, _, _ = getattr(gpus[0], "compute_capability", "").partition(".")  # an AMD device's is no number
    return major.isdecimal() and int(major) >= 8 and head_dim <= 128 and head_dim % 8 == 0


def _gpus() -> list[jax.Device]:
    try:
        return jax.devices("gpu")
    except RuntimeError:  # no such platform
        return []


def split_heads(qkv: Array, num_heads: int) -> tuple[Array, Array, Array]:
    """(N, L, 3 * D) -> query, key and value, each (N, L, heads, D / heads)."""
    n, length, width = qkv.shape
    if width % (3 * num_heads):
        raise UserError(f"num_heads={num_heads} does not divide the width {width // 3}")
    query, key, value = jnp.split(qkv.reshape(n, length, 3, num_heads, -1), 3, axis=2)
    return query[:, :, 0], key[:, :, 0], value[:, :, 0]


def unit(x: Array, axis: int = -1) -> Array:
    """Vectors along an axis -> same, of length 1, but for what is nearly 0."""
    values = x.astype(jnp.float32)
    square = jnp.sum(jnp.square(values), axis, keepdims=True)
    return (values * jax.lax.rsqrt(jnp.maximum(square, 1e-24))).astype(x.dtype)


def weight_dropout(rate: float, train: bool) -> Callable[[Array], Array] | None:
    """The `dropout` of `attention` for that rate."""
    return partial(nn.Dropout(rate), deterministic=False) if train and rate > 0 else None


class MultiheadAttention(nn.Module):
    """Self-attention with one projection for query, key and value: (N, L, D) -> (N, L, embed_dims).

    After mmcls/models/utils/attention.py.

    Attributes:
        num_heads: a divisor of `embed_dims`.
        attn_drop: dropout rate of the attention weights.
        proj_drop: dropout rate of the output.
        qkv_bias: whether query, key and value have a bias.
        qk_scale: a factor on the logits in place of 1 / sqrt(embed_dims / num_heads).
        embed_dims: width of the output; None: D.
        v_shortcut: the values are added to the output, as there is no other shortcut where the width changes; one head.
        layer_scale_init_value: where `LayerScale` on the projection starts; 0: there is none.
        proj_bias: whether the output has a bias.

    Raises:
        UserError: `v_shortcut` with several heads.
    """

    num_heads: int
    attn_drop: float = 0.0
    proj_drop: float = 0.0
    qkv_bias: bool = True
    qk_scale: float | None = None
    embed_dims: int | None = None
    v_shortcut: bool = False
    layer_scale_init_value: float = 0.0
    proj_bias: bool = True

    def __post_init__(self) -> None:
        if self.v_shortcut and self.num_heads != 1:
            raise UserError(f"num_heads={self.num_heads}: a shortcut from the values needs num_heads=1")
        super().__post_init__()

    @nn.compact
    def __call__(self, x: Array, train: bool = False, rotary: Tables | None = None) -> Array:
        """Attends; `train`: with dropout; `rotary`: positions, see `rotate`."""
        width = self.embed_dims or x.shape[-1]
        qkv = Linear(3 * width, use_bias=self.qkv_bias, name="qkv")(x)
        query, key, value = split_heads(qkv, self.num_heads)
        if rotary is not None:
            query, key = rotate(query, rotary), rotate(key, rotary)
        y = attention(query, key, value, scale=self.qk_scale, dropout=weight_dropout(self.attn_drop, train))
        y = Linear(width, use_bias=self.proj_bias, name="proj")(y.reshape(*x.shape[:2], width))
        if self.layer_scale_init_value > 0:
            y = LayerScale(self.layer_scale_init_value, name="gamma1")(y)
        y = nn.Dropout(self.proj_drop)(y, deterministic=not train)
        return y + value[:, :, 0] if self.v_shortcut else y


class PackedMultiheadAttention(nn.Module):
    """Self-attention with the parameters of `torch.nn.MultiheadAttention`: (N, L, D) -> same.

    Attributes:
        num_heads: a divisor of D.
        attn_drop: dropout rate of the attention weights.
        qkv_bias: whether query, key and value have a bias.
    """

    num_heads: int
    attn_drop: float = 0.0
    qkv_bias: bool = True

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """Attends; `train`: with dropout."""
        width = x.shape[-1]
        weight = self.param("in_proj_weight", xavier(distribution="uniform"), (3 * width, width), jnp.float32)
        qkv = product(x, weight.T)
        if self.qkv_bias:
            qkv = qkv + self.param("in_proj_bias", constant(0.0), (3 * width,), jnp.float32).astype(x.dtype)
        y = attention(*split_heads(qkv, self.num_heads), dropout=weight_dropout(self.attn_drop, train))
        return Linear(width, name="out_proj")(y.reshape(x.shape))
