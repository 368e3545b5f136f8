"""Pooling with PyTorch's padding rules; images (N, H, W, C)."""

from __future__ import annotations

import jax.numpy as jnp
from flax import linen as nn
from jax import Array, lax

from jaxcls.models.layers.pixels import require_pixels
from jaxcls.models.layers.platforms import leaves_jax

Sides = list[tuple[int, int]]


def _windows(x: Array, window: int, stride: int, padding: int, ceil_mode: bool) -> tuple[tuple[int, ...], Sides]:
    """How many windows there are, (rows, columns), and the zeros before and behind that they need.

    With `ceil_mode` a window may reach over the far edge, but not begin there.
    """
    counts, sides = [], []
    for size in x.shape[1:3]:
        rest = size + 2 * padding - window
        count = (-(-rest // stride) if ceil_mode else rest // stride) + 1
        if ceil_mode and (count - 1) * stride >= size + padding:
            count -= 1
        counts.append(count)
        sides.append((padding, (count - 1) * stride + window - size - padding))
    require_pixels(counts, (window, window), x.shape[1:3])
    return tuple(counts), sides


def max_pool(x: Array, window: int, stride: int, padding: int = 0, ceil_mode: bool = False) -> Array:
    """`torch.nn.MaxPool2d`; padded values never win.

    Raises:
        ImageSizeError: the window does not fit.
    """
    (rows, columns), sides = _windows(x, window, stride, padding, ceil_mode)
    padded: str | Sides = [(low, max(high, 0)) for low, high in sides]
    if leaves_jax():
        x, padded = jnp.pad(x, ((0, 0), *padded, (0, 0)), constant_values=-jnp.inf), "VALID"
    y = nn.max_pool(x, window_shape=(window, window), strides=(stride, stride), padding=padded)
    return y[:, :rows, :columns]


def _sums(x: Array, window: int, stride: int, padded: Sides) -> Array:
    """The sum over each window."""
    if leaves_jax():
        x = jnp.pad(x, ((0, 0), *padded, (0, 0)))
        return nn.avg_pool(x, window_shape=(window, window), strides=(stride, stride), padding="VALID") * window**2
    return nn.pooling.pool(x, 0.0, lax.add, (window, window), (stride, stride), padded)


def avg_pool(
    x: Array,
    window: int,
    stride: int | None = None,
    padding: int = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Array:
    """`torch.nn.AvgPool2d`.

    Where `ceil_mode` keeps a window that reaches over the padding's edge, the mean is over what it does cover.

    Raises:
        ImageSizeError: the window does not fit.
    """
    stride = stride or window
    (rows, columns), sides = _windows(x, window, stride, padding, ceil_mode)
    n, height, width, channels = x.shape
    if stride == window and (rows * window, columns * window) == (height, width) and not padding:
        # a reshape is faster than a window on every backend
        return x.reshape(n, rows, window, columns, window, channels).mean((2, 4))
    if stride == window and not padding and not ceil_mode:
        return avg_pool(x[:, : rows * window, : columns * window], window)
    padded = [(low, max(high, 0)) for low, high in sides]
    sums = _sums(x, window, stride, padded)
    counted = padding if count_include_pad else 0
    down, across = (
        [_covered(i * stride - padding, window, size, counted) for i in range(count)]
        for count, size in zip((rows, columns), (height, width), strict=True)
    )
    covered = jnp.asarray(down, x.dtype)[:, None] * jnp.asarray(across, x.dtype)
    return sums[:, :rows, :columns] / covered[..., None]


def _covered(start: int, window: int, size: int, counted: int) -> int:
    """How many pixels of an axis a window covers, `counted` of the padding at both ends among them."""
    return min(start + window, size + counted) - max(start, -counted)


def global_avg_pool(x: Array, keepdims: bool = False) -> Array:
    """(N, H, W, C) -> (N, C), or (N, 1, 1, C) with `keepdims`; summed in float32.

    Raises:
        ImageSizeError: a map without pixels.
    """
    require_pixels(x.shape[1:3], (1, 1), x.shape[1:3])
    return jnp.mean(x, (1, 2), keepdims=keepdims, dtype=jnp.float32).astype(x.dtype)
