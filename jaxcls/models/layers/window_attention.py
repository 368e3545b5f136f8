"""Attention within windows (Liu et al. 2021, arXiv:2103.14030, 2022, 2111.09883; mmcls/models/utils/attention.py)."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any, TypeVar

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from jaxcls.errors import ImageSizeError, UserError
from jaxcls.models.layers.attention import attention, split_heads, unit, weight_dropout
from jaxcls.models.layers.conv import Linear
from jaxcls.models.layers.initializers import constant, trunc_normal
from jaxcls.models.layers.override import override

ArrayT = TypeVar("ArrayT", Array, np.ndarray)

_MASKED = -100.0  # the original's; finite, so that a row of the softmax is never empty


def window_partition(x: ArrayT, window_size: int) -> ArrayT:
    """(N, H, W, C) -> (N * windows, window_size ** 2, C), row by row; H and W are multiples of `window_size`."""
    n, height, width, channels = x.shape
    rows, columns = height // window_size, width // window_size
    x = x.reshape(n, rows, window_size, columns, window_size, channels)
    return x.swapaxes(2, 3).reshape(n * rows * columns, window_size**2, channels)


def window_reverse(windows: Array, size: tuple[int, int], window_size: int) -> Array:
    """The inverse of `window_partition`: -> (N, H, W, C) for `size` (H, W)."""
    rows, columns = size[0] // window_size, size[1] // window_size
    x = windows.reshape(-1, rows, columns, window_size, window_size, windows.shape[-1])
    return x.swapaxes(2, 3).reshape(-1, *size, windows.shape[-1])


@functools.cache
def shift_mask(size: tuple[int, int], window_size: int, shift_size: int) -> np.ndarray:
    """What keeps apart, in the windows of a map rolled by `shift_size`, what was apart before.

    Returns:
        (windows, window_size ** 2, window_size ** 2): 0 for places of one region, else -100.
    """
    row, column = (
        np.digitize(np.arange(length), (length - window_size, length - shift_size)) for length in size
    )  # three bands an axis
    regions = (3 * row[:, None] + column)[None, :, :, None]
    labels = window_partition(regions, window_size)[..., 0]
    return np.where(labels[:, :, None] == labels[:, None, :], 0.0, _MASKED).astype(np.float32)


@functools.cache
def relative_position_index(window_size: int) -> np.ndarray:
    """(window_size ** 2, window_size ** 2): the table's row for a query's place and a key's."""
    place = np.stack(np.divmod(np.arange(window_size**2), window_size))
    rows, columns = place[:, :, None] - place[:, None, :] + window_size - 1
    return rows * (2 * window_size - 1) + columns


class WindowAttention(nn.Module):
    """Self-attention with a bias for each relative position: (N * windows, window_size ** 2, C) -> same.

    Attributes:
        window_size: places down and across.
        num_heads: a divisor of C.
        qkv_bias: whether query, key and value have a bias.
        qk_scale: a factor on the logits in place of 1 / sqrt(C / num_heads).
        attn_drop: dropout rate of the attention weights.
        proj_drop: dropout rate of the output.
    """

    window_size: int
    num_heads: int
    qkv_bias: bool = True
    qk_scale: float | None = None
    attn_drop: float = 0.0
    proj_drop: float = 0.0

    def heads(self, x: Array) -> tuple[Array, Array, Array, float | Array | None]:
        """Query, key and value, each (N * windows, window_size ** 2, heads, C / heads), and the logits' scale."""
        raise NotImplementedError

    def position_bias(self) -> Array | None:
        """(1, heads, window_size ** 2, window_size ** 2), float32; None: there is none."""
        raise NotImplementedError

    @nn.compact
    def __call__(self, x: Array, mask: np.ndarray | None = None, train: bool = False) -> Array:
        """Attends; `mask` is (windows, window_size ** 2, window_size ** 2), added to the logits."""
        query, key, value, scale = self.heads(x)
        bias = self.position_bias()
        if mask is not None:
            masked = mask[:, None] if bias is None else bias + mask[:, None]
            images = x.shape[0] // mask.shape[0]
            bias = jnp.broadcast_to(masked, (images, *masked.shape)).reshape(-1, *masked.shape[1:])
        y = attention(query, key, value, bias, scale, weight_dropout(self.attn_drop, train))
        y = Linear(x.shape[-1], name="proj")(y.reshape(x.shape))
        return nn.Dropout(self.proj_drop)(y, deterministic=not train)


class WindowMSA(WindowAttention):
    """A table has a learnt bias for each relative position."""

    def heads(self, x: Array) -> tuple[Array, Array, Array, float | Array | None]:
        """As they are projected."""
        qkv = Linear(3 * x.shape[-1], use_bias=self.qkv_bias, name="qkv")(x)
        return *split_heads(qkv, self.num_heads), self.qk_scale

    def position_bias(self) -> Array:
        """From the table."""
        shape = ((2 * self.window_size - 1) ** 2, self.num_heads)
        table = self.param("relative_position_bias_table", trunc_normal(std=0.02), shape, jnp.float32)
        return _spread(table.astype(jnp.float32), self.window_size)


class WindowMSAV2(WindowAttention):
    """Logits are cosines, each head has its own scale, and a small network gives the bias for each relative position.

    After Liu et al. 2022, arXiv:2111.09883, sections 3.2 and 3.3.

    Attributes:
        cpb_mlp_hidden_dims: width within the small network.
        pretrained_window_size: of the network that the weights are of, so that places mean the same; 0: `window_size`.

    Raises:
        UserError: `qk_scale`, as the scale is learnt, or a window of one place.
    """

    cpb_mlp_hidden_dims: int = 512
    pretrained_window_size: int = 0

    def __post_init__(self) -> None:
        if self.qk_scale is not None:
            raise UserError(f"qk_scale={self.qk_scale!r}: the scale is learnt here; leave it out")
        if self.window_size < 2 or self.pretrained_window_size == 1:
            raise UserError("window_size=1: relative positions need windows of at least 2x2")
        super().__post_init__()

    def heads(self, x: Array) -> tuple[Array, Array, Array, float | Array | None]:
        """Query and key of length 1; biases for query and value alone."""
        width = x.shape[-1]
        qkv = Linear(3 * width, use_bias=False, name="qkv")(x)
        if self.qkv_bias:
            query_bias, value_bias = (
                self.param(name, constant(0.0), (width,), jnp.float32) for name in ("q_bias", "v_bias")
            )
            qkv = qkv + jnp.concatenate([query_bias, jnp.zeros_like(query_bias), value_bias]).astype(qkv.dtype)
        query, key, value = split_heads(qkv, self.num_heads)
        scale = self.param("logit_scale", constant(math.log(10.0)), (self.num_heads, 1, 1), jnp.float32)
        scale = jnp.exp(jnp.minimum(scale.astype(jnp.float32), math.log(100.0)))
        return unit(query), unit(key), value, scale

    def position_bias(self) -> Array:
        """From the network, between 0 and 16."""
        places = log_spaced_places(self.window_size, self.pretrained_window_size)
        hidden = nn.relu(Linear(self.cpb_mlp_hidden_dims, name="cpb_mlp.0")(jnp.asarray(places)))
        table = Linear(self.num_heads, use_bias=False, name="cpb_mlp.2")(hidden)
        return _spread(16 * nn.sigmoid(table), self.window_size)


@functools.cache
def log_spaced_places(window_size: int, pretrained_window_size: int = 0) -> np.ndarray:
    """((2 * window_size - 1) ** 2, 2): every relative position, row and column, on a logarithmic scale.

    1 is what lies as far away as the (pretrained) window reaches.
    """
    places = np.arange(1 - window_size, window_size) * 8 / ((pretrained_window_size or window_size) - 1)
    places = np.sign(places) * np.log2(np.abs(places) + 1) / np.log2(8)
    grid = np.stack(np.meshgrid(places, places, indexing="ij"), axis=-1)
    return grid.reshape(-1, 2).astype(np.float32)


def _spread(table: Array, window_size: int) -> Array:
    """A table ((2 * window_size - 1) ** 2, heads) -> (1, heads, window_size ** 2, window_size ** 2)."""
    return table[relative_position_index(window_size)].transpose(2, 0, 1)[None]


class ShiftWindowMSA(nn.Module):
    """Attention within windows that start at the corner or, with `shift_size`, that far from it: (N, H, W, C) -> same.

    Attributes:
        num_heads: a divisor of C.
        window_size: pixels down and across; maps are padded to a multiple of it.
        shift_size: pixels down and across, less than `window_size`.
        pad_small_map: maps smaller than a window are padded, else they are an error; and maps as small as one window
            are shifted, else they are not.
        qkv_bias: whether query, key and value have a bias.
        qk_scale: a factor on the logits in place of 1 / sqrt(C / num_heads).
        attn_drop: dropout rate of the attention weights.
        proj_drop: dropout rate of the output.
        window_msa: the attention within a window, `WindowMSA` or `WindowMSAV2`.
        msa_cfg: arguments of it that differ.

    Raises:
        UserError: a map smaller than the window, or a shift that is not within it.
    """

    num_heads: int
    window_size: int
    shift_size: int = 0
    pad_small_map: bool = False
    qkv_bias: bool = True
    qk_scale: float | None = None
    attn_drop: float = 0.0
    proj_drop: float = 0.0
    window_msa: type[WindowAttention] = WindowMSA
    msa_cfg: Mapping[str, Any] = nn.FrozenDict()

    def __post_init__(self) -> None:
        if not 0 <= self.shift_size < self.window_size:
            raise UserError(f"shift_size={self.shift_size}; allowed: 0 to window_size - 1 = {self.window_size - 1}")
        super().__post_init__()

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with dropout."""
        _, height, width, _ = x.shape
        window, shift = self.window_size, self.shift_size
        if min(height, width) <= window and not self.pad_small_map:
            if min(height, width) < window:
                raise ImageSizeError(
                    f"window_size={window} with a feature map of {height}x{width}: set pad_small_map=True, "
                    "or take smaller windows or larger images"
                )
            shift = 0
        x = jnp.pad(x, ((0, 0), (0, -height % window), (0, -width % window), (0, 0)))
        size, mask = (x.shape[1], x.shape[2]), None
        if shift:
            x, mask = jnp.roll(x, (-shift, -shift), (1, 2)), shift_mask(size, window, shift)
        attend = override(
            self.window_msa,
            self.msa_cfg,
            "msa_cfg",
            window_size=window,
            num_heads=self.num_heads,
            qkv_bias=self.qkv_bias,
            qk_scale=self.qk_scale,
            attn_drop=self.attn_drop,
            proj_drop=self.proj_drop,
            name="w_msa",
        )
        y = attend(window_partition(x, window), mask, train)
        y = window_reverse(y, size, window)
        if shift:
            y = jnp.roll(y, (shift, shift), (1, 2))
        return y[:, :height, :width]
