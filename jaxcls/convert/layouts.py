"""How values lie at other sources, where that is not the original's way."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from jaxcls.errors import UserError


class Layout(NamedTuple):
    """What brings a source's values into the original's order, and what takes them back, where that is needed.

    Attributes:
        read: of each of a row's sources, before they are put one after the other.
        write: of what becomes a row's sources.
        together: of what has been put one after the other.
        shares: how much of it each of the sources is, where that is not the same.
    """

    read: Callable[[np.ndarray], np.ndarray] = np.asarray
    write: Callable[[np.ndarray], np.ndarray] | None = None
    together: Callable[[np.ndarray], np.ndarray] = np.asarray
    shares: tuple[int, ...] = ()


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


def _difference(values: np.ndarray) -> np.ndarray:
    first, second = np.split(values, 2)
    return first - second


def _without_middle(values: np.ndarray) -> np.ndarray:
    first, _, last = np.split(values, 3)
    return np.concatenate([first, last])


def _without_zeros(values: np.ndarray) -> np.ndarray:
    if np.any(np.split(values, 3)[1]):
        raise UserError("biases of keys are not zero, and the source has none")
    return _without_middle(values)


def _zeros_between(values: np.ndarray) -> np.ndarray:
    first, last = np.split(values, 2)
    return np.concatenate([first, np.zeros_like(first), last])


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
# A factor a channel of maps with the channels last, (1, 1, 1, C) instead of (C,).
CHANNELS_LAST = Layout(lambda value: value.reshape(-1), lambda value: value.reshape(1, 1, 1, -1))
# A linear layer as a convolution of 1x1, and as one of all of a map of 7x7.
CONVOLUTION = Layout(lambda value: value.reshape(len(value), -1), lambda value: value[..., None, None])
CONVOLUTION_7X7 = Layout(lambda value: value.reshape(len(value), -1), lambda value: value.reshape(len(value), -1, 7, 7))
# A BatchNorm's mean of a convolution with a bias, where the original's has none.
MEAN_AND_BIAS = Layout(write=lambda value: np.concatenate([value, np.zeros_like(value)]), together=_difference)
# Biases of queries, keys and values where the keys' are not used, and the original has none.
WITHOUT_KEYS = Layout(_without_middle, _zeros_between)
# Biases of queries and values, where the original has the keys' too.
NO_BIAS_OF_KEYS = Layout(write=_without_zeros, together=_zeros_between)
# Queries and keys in one, values apart.
KEYS_APART_FROM_VALUES = Layout(write=np.asarray, shares=(2, 1))
