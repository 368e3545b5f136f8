"""Position embeddings and relative position tables for other sizes than they were made for.

After resize_pos_embed and resize_relative_position_bias_table in mmcls/models/utils/embed.py.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxcls.errors import UserError

_CUBIC = -0.75  # PyTorch's cubic convolution coefficient; jax.image.resize has Keys' -0.5


def _nearest(position: np.ndarray) -> dict[int, np.ndarray]:
    return {0: np.ones_like(position)}


def _linear(fraction: np.ndarray) -> dict[int, np.ndarray]:
    return {0: 1 - fraction, 1: fraction}


def _cubic(fraction: np.ndarray) -> dict[int, np.ndarray]:
    def near(t: np.ndarray) -> np.ndarray:  # 0 <= t <= 1
        return ((_CUBIC + 2) * t - (_CUBIC + 3)) * t * t + 1

    def far(t: np.ndarray) -> np.ndarray:  # 1 <= t <= 2
        return ((_CUBIC * t - 5 * _CUBIC) * t + 8 * _CUBIC) * t - 4 * _CUBIC

    return {-1: far(1 + fraction), 0: near(fraction), 1: near(1 - fraction), 2: far(2 - fraction)}


_WEIGHTS = {"nearest": _nearest, "bilinear": _linear, "bicubic": _cubic}


@functools.cache
def resize_matrix(src: int, dst: int, mode: str = "bicubic", align_corners: bool = False) -> np.ndarray:
    """The matrix (dst, src) that resizes one axis as `torch.nn.functional.interpolate` does.

    No antialiasing; what lies over the edge counts as the edge. With `align_corners` the middles of the first and the
    last pixels stay where they are, else the edges do.

    Raises:
        UserError: a mode other than nearest, bilinear and bicubic.
    """
    if mode not in _WEIGHTS:
        raise UserError(f"interpolate_mode={mode!r}; allowed: {', '.join(_WEIGHTS)}")
    corner = np.arange(dst) * (src / dst)
    position = corner if mode == "nearest" else corner + 0.5 * src / dst - 0.5
    if align_corners:
        position = np.arange(dst) * ((src - 1) / max(dst - 1, 1))
    first = np.floor(position).astype(int)
    matrix = np.zeros((dst, src))
    for offset, weight in _WEIGHTS[mode](position - first).items():
        np.add.at(matrix, (np.arange(dst), np.clip(first + offset, 0, src - 1)), weight)
    return matrix.astype(np.float32)


def resize_pos_embed(
    pos_embed: Array,
    src_shape: Sequence[int],
    dst_shape: Sequence[int],
    mode: str = "bicubic",
    num_extra_tokens: int = 1,
) -> Array:
    """A position embedding for another number of patches.

    Args:
        pos_embed: (1, num_extra_tokens + h * w, D).
        src_shape: (h, w), patches down and across that it is for.
        dst_shape: (h', w'), those that it shall be for.
        mode: nearest, bilinear or bicubic.
        num_extra_tokens: leading embeddings that belong to no patch and stay.

    Returns:
        (1, num_extra_tokens + h' * w', D).

    Raises:
        UserError: a length that is not that of `src_shape`, or an unknown mode.
    """
    if tuple(src_shape) == tuple(dst_shape):
        return pos_embed
    (height, width), (_, length, channels) = src_shape, pos_embed.shape
    if length != height * width + num_extra_tokens:
        raise UserError(f"pos_embed has {length} positions, expected {height} * {width} + {num_extra_tokens}")
    extra, grid = pos_embed[:, :num_extra_tokens], pos_embed[:, num_extra_tokens:]
    rows, columns = (resize_matrix(src, dst, mode) for src, dst in zip(src_shape, dst_shape, strict=True))
    grid = grid.reshape(height, width, channels).astype(jnp.float32)
    resized = jnp.einsum("ih,jw,hwc->ijc", rows, columns, grid, precision="highest").astype(pos_embed.dtype)
    return jnp.concatenate([extra, resized.reshape(1, -1, channels)], axis=1)


def _growth(steps: int, length: int) -> float:
    """The q for which 1 + q + ... + q^(steps - 1) is `length`, in [1.01, 1.5], by bisection."""
    low, high = 1.01, 1.5
    while high - low > 1e-6:
        q = (low + high) / 2
        low, high = (low, q) if (1 - q**steps) / (1 - q) > length else (q, high)
    return q


def resize_relative_position_bias_table(src_size: int, dst_size: int, table: np.ndarray) -> np.ndarray:
    """A window's relative position table for another window.

    The old places are spread over the new range with gaps that grow geometrically from the centre, where relative
    positions matter most; cubic splines fill the new ones in.

    Args:
        src_size: places along one axis in `table`, 2 * window - 1.
        dst_size: those wanted.
        table: (src_size ** 2, heads).

    Returns:
        (dst_size ** 2, heads), float32.
    """
    from scipy.interpolate import RectBivariateSpline  # only where a checkpoint is adapted

    gaps = _growth(src_size // 2, dst_size // 2) ** np.arange(src_size // 2)
    right = list(itertools.accumulate(gaps))
    places = np.array([*(-place for place in reversed(right)), 0.0, *right])
    wanted = np.arange(dst_size) - dst_size // 2
    heads = np.asarray(table, np.float64).reshape(src_size, src_size, -1)
    degree = min(3, src_size - 1)
    splines = [RectBivariateSpline(places, places, head, kx=degree, ky=degree) for head in np.moveaxis(heads, -1, 0)]
    resized = np.stack([spline(wanted, wanted) for spline in splines], axis=-1)
    return resized.reshape(dst_size**2, -1).astype(np.float32)


def fit_pos_embed(
    value: np.ndarray, shape: Sequence[int], dst_shape: Sequence[int], mode: str, num_extra_tokens: int
) -> np.ndarray:
    """A checkpoint's position embedding, of square images, in `shape` (1, num_extra_tokens + h * w, D).

    `dst_shape` is (h, w). What is of no such shape is returned as it is.
    """
    if value.shape == tuple(shape) or value.ndim != 3 or value.shape[::2] != (shape[0], shape[2]):
        return value
    patches = value.shape[1] - num_extra_tokens
    side = math.isqrt(max(patches, 0))
    if side == 0 or side**2 != patches:
        return value
    return np.asarray(resize_pos_embed(jnp.asarray(value), (side, side), dst_shape, mode, num_extra_tokens))


def fit_relative_position_bias_table(value: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """A checkpoint's relative position table in `shape` ((2 * window - 1) ** 2, heads).

    What is of no such shape is returned as it is.
    """
    if value.shape == tuple(shape) or value.ndim != 2 or value.shape[1] != shape[1]:
        return value
    src_size, dst_size = math.isqrt(value.shape[0]), math.isqrt(shape[0])
    if src_size < 2 or src_size**2 != value.shape[0]:
        return value
    return resize_relative_position_bias_table(src_size, dst_size, value)


def fit_axis_table(value: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """A checkpoint's table of relative positions on one axis in `shape` (L, D), linearly.

    What is of no such shape is returned as it is.
    """
    if value.shape == tuple(shape) or value.ndim != 2 or value.shape[1] != shape[1] or value.shape[0] % 2 == 0:
        return value
    return (resize_matrix(len(value), shape[0], "bilinear") @ value).astype(np.float32)
