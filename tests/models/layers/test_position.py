from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
import pytest

from jaxcls.errors import UserError
from jaxcls.models.layers import resize_pos_embed, resize_relative_position_bias_table
from jaxcls.models.layers.position import resize_matrix


def cubic(t):
    """PyTorch's cubic convolution kernel."""
    a, t = -0.75, abs(t)
    if t <= 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1
    return a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a if t < 2 else 0.0


def linear(t):
    return max(1 - abs(t), 0.0)


def resized(values, size, mode):
    """torch.nn.functional.interpolate along one axis, written out."""
    src, result = len(values), []
    for i in range(size):
        if mode == "nearest":
            result.append(values[math.floor(i * src / size)])
            continue
        kernel, position = (cubic if mode == "bicubic" else linear), (i + 0.5) * src / size - 0.5
        places = range(math.floor(position) - 1, math.floor(position) + 3)
        result.append(sum(kernel(position - p) * values[min(max(p, 0), src - 1)] for p in places))
    return np.array(result)


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize(("src", "dst"), [(14, 24), (24, 14), (7, 7), (4, 1), (1, 5)])
def test_one_axis_as_pytorch_resizes_it(src, dst, mode):
    values = np.random.default_rng(0).standard_normal(src)
    np.testing.assert_allclose(resize_matrix(src, dst, mode) @ values, resized(values, dst, mode), atol=2e-6)


def test_grids_are_resized_and_extra_tokens_stay():
    values = np.random.default_rng(0).standard_normal((1, 2 + 12, 5)).astype(np.float32)
    found = resize_pos_embed(jnp.asarray(values), (3, 4), (6, 2), num_extra_tokens=2)
    assert found.shape == (1, 2 + 12, 5)
    np.testing.assert_array_equal(found[:, :2], values[:, :2])
    rows = np.apply_along_axis(resized, 0, values[0, 2:].reshape(3, 4, 5), 6, "bicubic")
    expected = np.apply_along_axis(resized, 1, rows, 2, "bicubic")
    np.testing.assert_allclose(found[0, 2:].reshape(6, 2, 5), expected, atol=2e-6)


def test_the_same_size_is_the_same_array():
    values = jnp.ones((1, 5, 3))
    assert resize_pos_embed(values, (2, 2), (2, 2)) is values


def test_what_does_not_fit():
    with pytest.raises(UserError, match=r"5 positions, expected 3 \* 3 \+ 1"):
        resize_pos_embed(jnp.ones((1, 5, 3)), (3, 3), (2, 2))
    with pytest.raises(UserError, match="interpolate_mode='cubic'; allowed: nearest, bilinear, bicubic"):
        resize_pos_embed(jnp.ones((1, 5, 3)), (2, 2), (3, 3), "cubic")


def places(src, dst):
    """Where the old table's places lie in the new one: gaps q, q^2, ... whose sum with 1 is half the new size."""
    steps = src // 2
    roots = np.roots([1.0] * (steps - 1) + [1.0 - dst // 2])
    (q,) = (root.real for root in roots if abs(root.imag) < 1e-9 and root.real > 0)
    right = np.cumsum(q ** np.arange(steps))
    return np.concatenate([-right[::-1], [0.0], right])


@pytest.mark.parametrize(("src", "dst"), [(13, 23), (13, 15)])
def test_tables_are_splines_over_geometric_places(src, dst):
    rows, columns = np.meshgrid(places(src, dst), places(src, dst), indexing="ij")
    new_rows, new_columns = np.meshgrid(*[np.arange(dst) - dst // 2] * 2, indexing="ij")
    functions = (lambda y, x: y**3 / 500 - x, lambda y, x: x * x * y / 500 + 1)  # cubic: what splines keep
    table = np.stack([f(rows, columns).ravel() for f in functions], axis=1)
    expected = np.stack([f(new_rows, new_columns).ravel() for f in functions], axis=1)
    found = resize_relative_position_bias_table(src, dst, table)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-3)
