"""Attention within windows (Liu et al. 2021, arXiv:2103.14030; mmcls/models/utils/attention.py)."""

from __future__ import annotations

import functools
from typing import TypeVar

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from jaxcls.errors import ImageSizeError, UserError
from jaxcls.models.layers.attention import attention, split_heads, weight_dropout
from jaxcls.models.layers.conv import Linear
from jaxcls.models.layers.initializers import trunc_normal

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


class WindowMSA(nn.Module):
    """Self-attention with a learnt bias for each relative position: (N * windows, window_size ** 2, C) -> same."""

    window_size: int
    num_heads: int
    qkv_bias: bool = True
    qk_scale: float | None = None
    attn_drop: float = 0.0
    proj_drop: float = 0.0

    @nn.compact
    def __call__(self, x: Array, mask: np.ndarray | None = None, train: bool = False) -> Array:
        """Attends; `mask` is (windows, window_size ** 2, window_size ** 2), added to the logits."""
        qkv = Linear(3 * x.shape[-1], use_bias=self.qkv_bias, name="qkv")(x)
        bias = self.position_bias()
        if mask is not None:
            bias = bias + mask[:, None]
            images = x.shape[0] // mask.shape[0]
            bias = jnp.broadcast_to(bias, (images, *bias.shape)).reshape(-1, *bias.shape[1:])
        dropout = weight_dropout(self.attn_drop, train)
        y = attention(*split_heads(qkv, self.num_heads), bias=bias, scale=self.qk_scale, dropout=dropout)
        y = Linear(x.shape[-1], name="proj")(y.reshape(x.shape))
        return nn.Dropout(self.proj_drop)(y, deterministic=not train)

    def position_bias(self) -> Array:
        """(1, heads, window_size ** 2, window_size ** 2), float32."""
        shape = ((2 * self.window_size - 1) ** 2, self.num_heads)
        table = self.param("relative_position_bias_table", trunc_normal(std=0.02), shape, jnp.float32)
        return table.astype(jnp.float32)[relative_position_index(self.window_size)].transpose(2, 0, 1)[None]


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
        y = WindowMSA(
            window, self.num_heads, self.qkv_bias, self.qk_scale, self.attn_drop, self.proj_drop, name="w_msa"
        )(window_partition(x, window), mask, train)
        y = window_reverse(y, size, window)
        if shift:
            y = jnp.roll(y, (shift, shift), (1, 2))
        return y[:, :height, :width]
