from __future__ import annotations

import numpy as np
import pytest

from jaxcls.convert import layouts

RNG = np.random.default_rng(0)
BACK = {
    "FLAX": (2, 3, 4, 5),
    "MERGED_PATCHES": (6, 20),
    "CHANNELS_FIRST": (7, 1, 1),
    "CHANNELS_LAST": (1, 1, 1, 7),
    "CONVOLUTION": (3, 5, 1, 1),
    "CONVOLUTION_7X7": (3, 5, 7, 7),
}


@pytest.mark.parametrize("name", BACK)
def test_there_and_back(name):
    value, layout = RNG.standard_normal(BACK[name]), getattr(layouts, name)
    np.testing.assert_array_equal(layout.write(layout.read(value)), value)


def test_kernels_of_flax():
    assert layouts.FLAX.read(np.zeros((5, 4, 3, 2))).shape == (2, 3, 5, 4)
    linear = RNG.standard_normal((3, 2))
    np.testing.assert_array_equal(layouts.FLAX.read(linear), linear.T)


def test_heads_of_flax():
    kernel, x = RNG.standard_normal((6, 2, 3)), RNG.standard_normal(6)
    found = layouts.FLAX_TO_HEADS.read(kernel)
    np.testing.assert_allclose(found @ x, np.einsum("i,ihd->hd", x, kernel).reshape(-1))
    bias = RNG.standard_normal((2, 3))
    np.testing.assert_array_equal(layouts.FLAX_TO_HEADS.read(bias), bias.reshape(-1))
    kernel, y = RNG.standard_normal((2, 3, 6)), RNG.standard_normal((2, 3))
    np.testing.assert_allclose(layouts.FLAX_FROM_HEADS.read(kernel) @ y.reshape(-1), np.einsum("hd,hdo->o", y, kernel))


def test_merged_patches():
    """Swin has the four patches one after the other, down first; the original each channel of all four, row by row."""
    channels = 5
    patches = RNG.standard_normal((2, 2, channels))  # rows, columns
    theirs = np.concatenate([patches[row, column] for column in range(2) for row in range(2)])
    ours = patches.transpose(2, 0, 1).reshape(-1)
    np.testing.assert_array_equal(layouts.MERGED_PATCHES.read(theirs), ours)
    weight = RNG.standard_normal((3, 4 * channels))
    np.testing.assert_allclose(layouts.MERGED_PATCHES.read(weight) @ ours, weight @ theirs)


def test_a_convolutions_bias_in_the_norms_mean():
    x, mean, bias = RNG.standard_normal((3, 4))
    found = layouts.MEAN_AND_BIAS.together(np.concatenate([mean, bias]))
    np.testing.assert_allclose(x - found, x + bias - mean)
    np.testing.assert_array_equal(layouts.MEAN_AND_BIAS.write(mean), np.concatenate([mean, np.zeros(4)]))


def test_biases_without_those_of_keys():
    found = layouts.WITHOUT_KEYS.read(np.arange(6))
    np.testing.assert_array_equal(found, [0, 1, 4, 5])
    np.testing.assert_array_equal(layouts.WITHOUT_KEYS.write(found), [0, 1, 0, 0, 4, 5])
