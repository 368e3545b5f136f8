"""Pooling by its definition, written out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from jaxcls.errors import ImageSizeError
from jaxcls.models.layers import avg_pool, global_avg_pool, max_pool

X = np.random.default_rng(0).standard_normal((2, 6, 7, 3)).astype(np.float32)


def windows(size, window, stride, padding, ceil_mode):
    """(start, end) of each window on an axis, padding counted as negative places and those behind the end."""
    starts = range(-padding, size + padding, stride)
    whole = [start for start in starts if start + window <= size + padding]
    if ceil_mode and whole[-1] + window < size + padding and whole[-1] + stride < size:
        whole.append(whole[-1] + stride)
    return [(start, start + window) for start in whole]


def pool(x, reduce, window, stride, padding, ceil_mode):
    rows, columns = (windows(size, window, stride, padding, ceil_mode) for size in x.shape[1:3])
    return np.array([[reduce(row, column) for column in columns] for row in rows]).transpose(2, 0, 1, 3)


@pytest.mark.parametrize(
    ("window", "stride", "padding", "ceil_mode"),
    list(itertools.product((2, 3), (1, 2, 3), (0, 1), (False, True))),
)
def test_by_definition(window, stride, padding, ceil_mode):
    def inside(row, column):
        return X[:, max(row[0], 0) : row[1], max(column[0], 0) : column[1]]

    def mean(row, column, counted):
        sizes = (
            min(end, size + counted) - max(start, -counted)
            for (start, end), size in zip((row, column), X.shape[1:3], strict=True)
        )
        return inside(row, column).sum((1, 2)) / np.prod(list(sizes))

    geometry = (window, stride, padding, ceil_mode)
    expected = pool(X, lambda row, column: inside(row, column).max((1, 2)), *geometry)
    np.testing.assert_array_equal(max_pool(X, *geometry), expected)
    for include in (True, False):
        counted = padding if include else 0
        expected = pool(X, lambda row, column, c=counted: mean(row, column, c), *geometry)
        np.testing.assert_allclose(avg_pool(X, *geometry, include), expected, rtol=1e-5, atol=1e-6)


def test_maps_without_enough_pixels():
    with pytest.raises(ImageSizeError, match="a window of 7x7 does not fit on a feature map of 6x7"):
        max_pool(X, 7, 1)
    with pytest.raises(ImageSizeError, match="a window of 8x8"):
        avg_pool(X, 8)
    with pytest.raises(ImageSizeError, match="feature map of 0x7"):
        global_avg_pool(X[:, :0])
