"""Pooling with PyTorch's padding rules; images (N, H, W, C)."""

from __future__ import annotations

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.models.layers.pixels import require_pixels


def max_pool(x: Array, window: int, stride: int, padding: int = 0) -> Array:
    """`torch.nn.MaxPool2d`; padded values never win.

    Raises:
        ImageSizeError: the window does not fit.
    """
    sizes = [(size + 2 * padding - window) // stride + 1 for size in x.shape[1:3]]
    require_pixels(sizes, (window, window), x.shape[1:3])
    return nn.max_pool(x, (window, window), (stride, stride), [(padding, padding)] * 2)


def avg_pool(x: Array, window: int, ceil_mode: bool = False) -> Array:
    """`torch.nn.AvgPool2d(window, window, ceil_mode, count_include_pad=False)`: windows that do not overlap.

    Where `ceil_mode` keeps a window that reaches over the edge, the mean is over the pixels that it does cover.

    Raises:
        ImageSizeError: the window does not fit.
    """
    n, height, width, channels = x.shape
    rows, columns = (-(-height // window), -(-width // window)) if ceil_mode else (height // window, width // window)
    require_pixels((rows, columns), (window, window), x.shape[1:3])
    if (rows * window, columns * window) == (height, width):  # a reshape is faster than a window on every backend
        return x.reshape(n, rows, window, columns, window, channels).mean((2, 4))
    if ceil_mode:
        padding = ((0, rows * window - height), (0, columns * window - width))
        return nn.avg_pool(x, (window, window), (window, window), padding, count_include_pad=False)
    return avg_pool(x[:, : rows * window, : columns * window], window)


def global_avg_pool(x: Array) -> Array:
    """(N, H, W, C) -> (N, C), summed in float32.

    Raises:
        ImageSizeError: a map without pixels.
    """
    require_pixels(x.shape[1:3], (1, 1), x.shape[1:3])
    return jnp.mean(x, (1, 2), dtype=jnp.float32).astype(x.dtype)
