from __future__ import annotations

import jax
import numpy as np
import pytest

from jaxcls.models.backbones.hornet import GlobalLocalFilter, HorNetLayerNorm, filtered_by_fft, filtered_by_products
from tests.models.filled import filled

X = np.random.default_rng(0).standard_normal((2, 6, 5, 4)).astype(np.float32)


def test_the_global_filter_is_a_circular_convolution():
    """Of the second half of the channels, with the inverse transform of the learnt spectrum."""
    layer = GlobalLocalFilter(h=6, w=3)
    variables = filled(layer, X)
    params = variables["params"]
    params["post_norm"] = {"weight": np.ones(4, np.float32), "bias": np.zeros(4, np.float32)}
    weight = params["complex_weight"][..., 0] + 1j * params["complex_weight"][..., 1]  # (C / 2, rows, columns)
    kernel = np.fft.irfft2(weight, s=(6, 5), axes=(1, 2)).transpose(1, 2, 0)
    normed = np.asarray(HorNetLayerNorm(eps=1e-6).apply({"params": params["pre_norm"]}, X))
    expected = np.zeros((2, 6, 5, 2))
    for row in range(6):
        for column in range(5):
            expected += kernel[row, column] * np.roll(normed[..., 2:], (row, column), (1, 2))
    local = np.zeros((2, 6, 5, 2))
    padded = np.pad(normed[..., :2], ((0, 0), (1, 1), (1, 1), (0, 0)))
    for row in range(3):
        for column in range(3):
            local += params["dw"]["kernel"][row, column, 0] * padded[:, row : row + 6, column : column + 5]
    mixed = np.stack([local, expected], axis=-1).reshape(X.shape)  # the halves' channels in turn
    mixed = (mixed - mixed.mean(-1, keepdims=True)) / np.sqrt(mixed.var(-1, keepdims=True) + 1e-6)
    np.testing.assert_allclose(layer.apply(variables, X), mixed, rtol=1e-3, atol=1e-4)


def test_the_global_filter_fits_maps_of_other_sizes():
    small, large = (GlobalLocalFilter(h=h, w=w) for h, w in ((3, 2), (6, 3)))
    variables = filled(small, X)
    weight = variables["params"]["complex_weight"]  # (C / 2, 3, 2, 2)
    rows = np.stack(
        [(1 - t % 1) * weight[:, int(t)] + t % 1 * weight[:, min(int(t) + 1, 2)] for t in np.linspace(0, 2, 6)]
    )
    columns = np.stack([(1 - t) * rows[:, :, 0] + t * rows[:, :, 1] for t in (0, 0.5, 1)])
    resized = {**variables["params"], "complex_weight": columns.transpose(2, 1, 0, 3).astype(np.float32)}
    expected = large.apply({"params": resized}, X)
    np.testing.assert_allclose(jax.jit(small.apply)(variables, X), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("size", [(6, 5), (5, 6), (7, 7), (4, 2), (3, 1)])
def test_the_filter_in_real_numbers(size):
    """Of spectra of no real image too, as learnt weights are."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, *size, 3)).astype(np.float32)
    weight = rng.standard_normal((size[0], size[1] // 2 + 1, 3, 2)).astype(np.float32)
    np.testing.assert_allclose(filtered_by_products(x, weight), filtered_by_fft(x, weight), rtol=1e-5, atol=1e-5)
