from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcls.errors import UserError
from jaxcls.models.layers import ShiftWindowMSA, WindowMSAV2
from jaxcls.models.layers.window_attention import (
    log_spaced_places,
    relative_position_index,
    shift_mask,
    window_partition,
    window_reverse,
)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def parameters(layer, x):
    """Values for all of a layer's parameters: drawing them in NumPy saves the compilation of its initialisers."""
    shapes = jax.eval_shape(layer.init, jax.random.key(0), x)["params"]
    return jax.tree.map(lambda leaf: 0.5 * normal(*leaf.shape, seed=leaf.size), shapes)


def test_windows_and_back():
    x = jnp.arange(2 * 4 * 6 * 3).reshape(2, 4, 6, 3)
    windows = window_partition(x, 2)
    assert windows.shape == (2 * 6, 4, 3)
    np.testing.assert_array_equal(windows[4], x[0, 2:4, 2:4].reshape(4, 3))
    np.testing.assert_array_equal(window_reverse(windows, (4, 6), 2), x)


def test_table_rows():
    index = relative_position_index(3)
    for query in range(9):
        for key in range(9):
            down, right = query // 3 - key // 3, query % 3 - key % 3
            assert index[query, key] == (down + 2) * 5 + right + 2


def test_mask_of_one_window():
    # 4x4, shifted by 1: the last row and column came from the other side.
    mask = shift_mask((4, 4), 4, 1)
    row, column = np.divmod(np.arange(16), 4)
    wrapped = np.stack([row == 3, column == 3])
    apart = np.any(wrapped[:, :, None] != wrapped[:, None, :], axis=0)
    np.testing.assert_array_equal(mask, np.where(apart, -100.0, 0.0)[None])


def plain(params, x, heads, window, shift):
    """Attention over all pixels of a map, with those of the same window that were neighbours before the shift."""
    n, height, width, channels = x.shape
    x = jnp.pad(x, ((0, 0), (0, -height % window), (0, -width % window), (0, 0)))
    size = x.shape[1:3]
    row, column = np.divmod(np.arange(size[0] * size[1]), size[1])
    places = zip((row, column), size, strict=True)
    label = np.stack([(place - shift) % length // window + 1000 * (place < shift) for place, length in places])
    together = np.all(label[:, :, None] == label[:, None, :], axis=0)
    down, right = (place[:, None] - place[None, :] for place in (row, column))
    index = np.where(together, (down + window - 1) * (2 * window - 1) + right + window - 1, 0)
    tokens = x.reshape(n, -1, channels)
    qkv = tokens @ params["w_msa"]["qkv"]["kernel"] + params["w_msa"]["qkv"]["bias"]
    query, key, value = jnp.moveaxis(qkv.reshape(n, -1, 3, heads, channels // heads), 2, 0)
    logits = jnp.einsum("nlhd,nshd->nhls", query, key) * (channels // heads) ** -0.5
    logits = logits + params["w_msa"]["relative_position_bias_table"][index].transpose(2, 0, 1)
    weights = jax.nn.softmax(jnp.where(together, logits, -jnp.inf))
    y = jnp.einsum("nhls,nshd->nlhd", weights, value).reshape(tokens.shape)
    y = y @ params["w_msa"]["proj"]["kernel"] + params["w_msa"]["proj"]["bias"]
    return y.reshape(n, *size, channels)[:, :height, :width]


@pytest.mark.parametrize(
    ("size", "window", "shift", "pad_small_map", "shifted"),
    [
        ((6, 9), 3, 0, False, 0),
        ((6, 9), 3, 1, False, 1),
        ((8, 8), 4, 2, False, 2),
        ((5, 7), 3, 1, False, 1),  # padded
        ((4, 8), 4, 2, False, 0),  # as small as a window: not shifted
        ((4, 8), 4, 2, True, 2),
        ((3, 3), 4, 2, True, 2),  # smaller than a window
    ],
)
def test_is_its_definition_both_directions(size, window, shift, pad_small_map, shifted):
    layer = ShiftWindowMSA(num_heads=2, window_size=window, shift_size=shift, pad_small_map=pad_small_map)
    x = normal(2, *size, 8)
    params = parameters(layer, x)
    functions = (
        lambda params, x: layer.apply({"params": params}, x),
        lambda params, x: plain(params, x, 2, window, shifted),
    )
    found, expected = (
        jax.jit(jax.value_and_grad(lambda params, x, f=f: jnp.sum(jnp.sin(f(params, x))), argnums=(0, 1)))(params, x)
        for f in functions
    )
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert np.abs(a - b).max() <= 1e-5 * max(np.abs(b).max(), 1.0)


@pytest.mark.parametrize("pretrained", [0, 5])
def test_version_2_is_its_definition_both_directions(pretrained):
    layer = WindowMSAV2(window_size=3, num_heads=2, cpb_mlp_hidden_dims=4, pretrained_window_size=pretrained)
    x = normal(2, 9, 8)
    params = parameters(layer, x) | {"logit_scale": np.float32([[[0.5]], [[1.0]]])}

    def plain(params, x):
        zeros = jnp.zeros(8)
        qkv = x @ params["qkv"]["kernel"] + jnp.concatenate([params["q_bias"], zeros, params["v_bias"]])
        query, key, value = jnp.moveaxis(qkv.reshape(2, 9, 3, 2, 4), 2, 0)
        query, key = (y / jnp.linalg.norm(y, axis=-1, keepdims=True) for y in (query, key))
        row, column = np.divmod(np.arange(9), 3)
        apart = np.stack([place[:, None] - place for place in (row, column)], -1) / ((pretrained or 3) - 1)
        apart = jnp.asarray(np.sign(apart) * np.log2(np.abs(8 * apart) + 1) / 3, jnp.float32)
        hidden = jax.nn.relu(apart @ params["cpb_mlp.0"]["kernel"] + params["cpb_mlp.0"]["bias"])
        bias = 16 * jax.nn.sigmoid(hidden @ params["cpb_mlp.2"]["kernel"])
        scale = jnp.minimum(jnp.exp(params["logit_scale"]), 100)
        logits = jnp.einsum("nlhd,nshd->nhls", query, key) * scale + bias.transpose(2, 0, 1)
        y = jnp.einsum("nhls,nshd->nlhd", jax.nn.softmax(logits), value).reshape(x.shape)
        return y @ params["proj"]["kernel"] + params["proj"]["bias"]

    found, expected = (
        jax.jit(jax.value_and_grad(lambda params, x, f=f: jnp.sum(jnp.sin(f(params, x))), argnums=(0, 1)))(params, x)
        for f in (lambda params, x: layer.apply({"params": params}, x), plain)
    )
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert np.abs(a - b).max() <= 1e-5 * max(np.abs(b).max(), 1.0)


def test_the_learnt_scale_is_at_most_100():
    layer, x = WindowMSAV2(window_size=2, num_heads=1, cpb_mlp_hidden_dims=2), 1 + 0.05 * normal(1, 4, 4)
    params = parameters(layer, x)

    def output(logit_scale):
        return layer.apply({"params": params | {"logit_scale": np.full((1, 1, 1), logit_scale, np.float32)}}, x)

    np.testing.assert_array_equal(output(np.log(100)), output(9.0))
    assert np.any(output(np.log(50)) != output(9.0))


def test_places_are_on_a_logarithmic_scale():
    places = log_spaced_places(8).reshape(15, 15, 2)
    np.testing.assert_allclose(places[0, 14], [-np.log2(9) / 3, np.log2(9) / 3], rtol=1e-6)
    np.testing.assert_array_equal(places[7, 7], 0)
    np.testing.assert_allclose(log_spaced_places(16, 8).reshape(31, 31, 2)[8:23, 8:23], places, rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"window_size": 1}, "windows of at least 2x2"),
        ({"window_size": 4, "pretrained_window_size": 1}, "windows of at least 2x2"),
        ({"window_size": 4, "qk_scale": 1.0}, "the scale is learnt here"),
    ],
)
def test_what_version_2_refuses(arguments, message):
    with pytest.raises(UserError, match=message):
        WindowMSAV2(num_heads=1, **arguments)


def test_dropout_only_in_training():
    layer = ShiftWindowMSA(num_heads=2, window_size=2, shift_size=1, attn_drop=0.5)
    x = normal(2, 4, 4, 8)
    variables = {"params": parameters(layer, x)}
    trained = layer.apply(variables, x, True, rngs={"dropout": jax.random.key(2)})
    assert not np.allclose(trained, layer.apply(variables, x))
    np.testing.assert_array_equal(layer.apply(variables, x), layer.clone(attn_drop=0.0).apply(variables, x, True))


def test_what_does_not_fit():
    with pytest.raises(UserError, match="shift_size=4; allowed: 0 to window_size - 1 = 3"):
        ShiftWindowMSA(num_heads=1, window_size=4, shift_size=4)
    with pytest.raises(UserError, match="window_size=7 with a feature map of 4x8: set pad_small_map=True"):
        ShiftWindowMSA(num_heads=1, window_size=7).init(jax.random.key(0), jnp.zeros((1, 4, 8, 2)))
