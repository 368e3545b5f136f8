"""How values lie at other sources, where that is not the original's way."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Layout(NamedTuple):
    """What brings a source's values into the original's order, and what takes them back, where that is needed."""

    read: Callable[[np.ndarray], np.ndarray]
    write: Callable[[np.ndarray], np.ndarray] | None = None


def _reversed_input(kernel: np.ndarray) -> np.ndarray:
    return kernel[:, ::-1]


def _from_flax(kernel: np.ndarray) -> np.ndarray:
    return kernel.transpose(kernel.ndim - 1, kernel.ndim - 2, *range(kernel.ndim - 2))


def _to_flax(kernel: np.ndarray) -> np.ndarray:
    return kernel.transpose(*range(2, kernel.ndim), 1, 0)


def _to_heads(value: np.ndarray) -> np.ndarray:
    return value.reshape(-1) if value.ndim == 2 else value.reshape(len(value), -1).T


def _from_heads(kernel: np.ndarray) -> np.ndarray:
    return kernel.reshape(-1, kernel.shape[-1]).T


def _unfolded(value: np.ndarray) -> np.ndarray:
    taps = value.reshape(*value.shape[:-1], 2, 2, -1)  # columns, rows, channels
    return np.moveaxis(taps, -1, -3).swapaxes(-1, -2).reshape(value.shape)


def _folded(value: np.ndarray) -> np.ndarray:
    taps = value.reshape(*value.shape[:-1], -1, 2, 2)  # channels, rows, columns
    return np.moveaxis(taps.swapaxes(-1, -2), -3, -1).reshape(value.shape)


# Kernels (O, I, h, w) of a first layer that sees blue, green, red.
BGR = Layout(_reversed_input, _reversed_input)
# Flax's kernels, (I, O) and (h, w, I, O).
FLAX = Layout(_from_flax, _to_flax)
# Flax's projections to heads: kernels (I, heads, D) and biases (heads, D); and from heads: kernels (heads, D, O).
FLAX_TO_HEADS = Layout(_to_heads)
FLAX_FROM_HEADS = Layout(_from_heads)
# The last axis of what follows patches merged as in Swin's own code, two columns of two rows of C channels;
# `torch.nn.Unfold`, and so the original, has C times two rows of two columns.
MERGED_PATCHES = Layout(_unfolded, _folded)
# A factor a channel, (C, 1, 1) instead of (C,).
CHANNELS_FIRST = Layout(lambda value: value.reshape(-1), lambda value: value.reshape(-1, 1, 1))
