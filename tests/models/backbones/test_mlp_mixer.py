from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import erf

from jaxcls.errors import UserError
from jaxcls.models.backbones import MlpMixer
from jaxcls.models.backbones.mlp_mixer import MixerBlock
from tests.models.filled import parameters

TINY = {
    "arch": {"embed_dims": 16, "num_layers": 2, "tokens_mlp_dims": 6, "channels_mlp_dims": 24},
    "img_size": 8,
    "patch_size": 4,
}
X = np.random.default_rng(0).standard_normal((2, 8, 8, 3), np.float32)


def apply(backbone, params, train=False):
    rngs = {"dropout": jax.random.key(1)} if train else None
    return jax.jit(backbone.apply, static_argnums=2)({"params": params}, X, train, rngs=rngs)


# MMClassification's own counts, but for small: the paper has 19 million


def plain_norm(params, x):
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / jnp.sqrt(var + 1e-5) * params["scale"] + params["bias"]


def plain_block(params, x):
    """A layer, written out."""

    def linear(p, y):
        return y @ p["kernel"] + p["bias"]

    def mlp(p, y):
        y = linear(p["layers.0.0"], y)
        return linear(p["layers.1"], y * 0.5 * (1 + erf(y / np.sqrt(2))))

    x = x + jnp.swapaxes(mlp(params["token_mix"], jnp.swapaxes(plain_norm(params["ln1"], x), 1, 2)), 1, 2)
    return x + mlp(params["channel_mix"], plain_norm(params["ln2"], x))


def test_block_both_directions():
    block = MixerBlock(tokens_mlp_dims=6, channels_mlp_dims=24)
    x = np.random.default_rng(1).standard_normal((2, 5, 16), np.float32)
    params = parameters(block, x)
    found, expected = (
        jax.jit(jax.value_and_grad(lambda params, x, f=f: jnp.sum(jnp.sin(f(params, x))), argnums=(0, 1)))(params, x)
        for f in (lambda params, x: block.apply({"params": params}, x), plain_block)
    )
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert np.abs(a - b).max() <= 1e-5 * max(np.abs(b).max(), 1.0)


def test_whole_network_is_its_parts():
    backbone = MlpMixer(**TINY, out_indices=(0, 1))
    params = parameters(backbone, X)
    kernel, bias = params["patch_embed"]["projection"]["kernel"], params["patch_embed"]["projection"]["bias"]
    x = jnp.einsum("nhawbc,abco->nhwo", X.reshape(2, 2, 4, 2, 4, 3), kernel).reshape(2, 4, 16) + bias
    first = plain_block(params["layers.0"], x)
    last = plain_norm(params["ln1"], plain_block(params["layers.1"], first))
    for found, expected in zip(apply(backbone, params), (first, last), strict=True):
        np.testing.assert_allclose(found, expected, atol=5e-5)


def test_which_outputs():
    backbone = MlpMixer(**TINY)
    params = parameters(backbone, X)
    (last,) = apply(backbone, params)
    (same,) = apply(backbone.clone(out_indices=1), params)
    np.testing.assert_array_equal(last, same)
    (first,) = apply(backbone.clone(out_indices=-2), params)
    assert not np.allclose(first, last)


def test_drop_path_is_the_same_in_all_layers():
    backbone = MlpMixer(**TINY, drop_path_rate=1.0 - 1e-7, out_indices=(0,))
    params = parameters(backbone, X)
    (dropped,) = apply(backbone, params, train=True)
    kernel, bias = params["patch_embed"]["projection"]["kernel"], params["patch_embed"]["projection"]["bias"]
    patches = jnp.einsum("nhawbc,abco->nhwo", X.reshape(2, 2, 4, 2, 4, 3), kernel).reshape(2, 4, 16) + bias
    np.testing.assert_allclose(dropped, patches, atol=1e-5)


def test_layers_of_their_own():
    layers = ({"tokens_mlp_dims": 3}, {"num_fcs": 3, "norm_cfg": {"type": "LN", "eps": 1e-6}})
    patches = {"bias": False, "in_channels": 3}
    params = parameters(MlpMixer(**TINY, layer_cfgs=layers, patch_cfg=patches), X)
    assert params["layers.0"]["token_mix"]["layers.0.0"]["kernel"].shape == (4, 3)
    assert params["layers.1"]["token_mix"]["layers.1.0"]["kernel"].shape == (6, 6)
    assert "bias" not in params["patch_embed"]["projection"]


def test_initial_values():
    arch = {"embed_dims": 64, "num_layers": 1, "tokens_mlp_dims": 32, "channels_mlp_dims": 128}
    made = MlpMixer(arch, 32, 4, init_cfg={"type": "Constant", "layer": ["Linear", "Conv2d"], "val": 7.0})
    params = jax.jit(made.init)(jax.random.key(0), np.zeros((1, 32, 32, 3), np.float32))["params"]
    assert np.all(params["patch_embed"]["projection"]["kernel"] == 7.0)
    for name, inputs, outputs in (("token_mix", 64, 32), ("channel_mix", 64, 128)):  # whatever init_cfg says
        layer, bound = params["layers.0"][name]["layers.0.0"], np.sqrt(6 / (inputs + outputs))  # Xavier, uniform
        assert 0.95 * bound < np.abs(layer["kernel"]).max() <= bound
        assert 0 < np.abs(layer["bias"]).max() < 5e-6


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MlpMixer("basse"), "arch='basse'; did you mean 'base'"),
        (lambda: MlpMixer({"embed_dims": 8}), "a dict needs embed_dims, num_layers, tokens_mlp_dims"),
        (lambda: MlpMixer(**TINY, out_indices=2), "out_indices=2; allowed: -2 to 1"),
        (
            lambda: parameters(MlpMixer(**TINY | {"img_size": 16}), X),
            r"images of \(8, 8\) pixels; expected img_size=\(16, 16\)",
        ),
        (lambda: parameters(MlpMixer(**TINY, layer_cfgs=({},)), X), "layer_cfgs: 1 configs for 2"),
        (lambda: parameters(MlpMixer(**TINY, patch_cfg={"pad": 1}), X), "PatchEmbed has no argument 'pad'"),
    ],
)
def test_messages(make, message):
    with pytest.raises(UserError, match=message):
        make()
