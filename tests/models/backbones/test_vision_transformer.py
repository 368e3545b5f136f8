from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import erf

from jaxcls.errors import UserError
from jaxcls.models.backbones import VisionTransformer
from jaxcls.models.backbones.vision_transformer import TransformerEncoderLayer
from jaxcls.models.layers import resize_pos_embed
from tests.models.filled import parameters

# (arch, image, patch, the head's hidden_dim, parameters with 1000 classes): MMClassification's own counts
TINY = {
    "arch": {"embed_dims": 16, "num_layers": 3, "num_heads": 2, "feedforward_channels": 24},
    "img_size": 8,
    "patch_size": 4,
}
X = np.random.default_rng(0).standard_normal((2, 8, 8, 3), np.float32)


def apply(backbone, params, x=X, train=False, key=1):
    function = jax.jit(backbone.apply, static_argnums=2)
    return function({"params": params}, x, train, rngs={"dropout": jax.random.key(key)} if train else None)


def test_small_is_the_originals():
    settings = VisionTransformer("small").settings
    assert settings == VisionTransformer("S").settings
    assert tuple(settings.values()) == (768, 8, 8, 2304)


def plain_layer(params, x, heads, eps):
    """An encoder layer, written out."""

    def norm(name, y):
        mean, var = y.mean(-1, keepdims=True), y.var(-1, keepdims=True)
        return (y - mean) / jnp.sqrt(var + eps) * params[name]["scale"] + params[name]["bias"]

    def linear(p, y):
        return y @ p["kernel"] + p["bias"]

    n, length, width = x.shape
    qkv = linear(params["attn"]["qkv"], norm("ln1", x))
    query, key, value = (part.reshape(n, length, heads, -1) for part in jnp.split(qkv, 3, axis=-1))
    logits = jnp.einsum("nlhd,nshd->nhls", query, key) / np.sqrt(width / heads)
    y = jnp.einsum("nhls,nshd->nlhd", jax.nn.softmax(logits), value).reshape(x.shape)
    x = x + linear(params["attn"]["proj"], y)
    y = linear(params["ffn"]["layers.0.0"], norm("ln2", x))
    return x + linear(params["ffn"]["layers.1"], y * 0.5 * (1 + erf(y / np.sqrt(2))))


@pytest.mark.parametrize("eps", [1e-5, 1e-2])
def test_encoder_layer_both_directions(eps):
    layer = TransformerEncoderLayer(num_heads=2, feedforward_channels=24, norm_cfg={"type": "LN", "eps": eps})
    x = np.random.default_rng(1).standard_normal((2, 5, 16), np.float32)
    params = parameters(layer, x)
    found, expected = (
        jax.jit(jax.value_and_grad(lambda params, x, f=f: jnp.sum(jnp.sin(f(params, x))), argnums=(0, 1)))(params, x)
        for f in (lambda params, x: layer.apply({"params": params}, x), lambda p, x: plain_layer(p, x, 2, eps))
    )
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert np.abs(a - b).max() <= 1e-5 * max(np.abs(b).max(), 1.0)


def test_whole_network_is_its_parts():
    backbone = VisionTransformer(**TINY)
    params = parameters(backbone, X)
    ((patches, cls_token),) = apply(backbone, params)
    kernel, bias = params["patch_embed"]["projection"]["kernel"], params["patch_embed"]["projection"]["bias"]
    x = jnp.einsum("nhawbc,abco->nhwo", X.reshape(2, 2, 4, 2, 4, 3), kernel).reshape(2, 4, 16) + bias
    x = jnp.concatenate([jnp.repeat(params["cls_token"], 2, 0), x], 1) + params["pos_embed"]
    for i in range(3):
        x = plain_layer(params[f"layers.{i}"], x, 2, 1e-6)
    x = (x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True) * params["ln1"]["scale"] + params["ln1"]["bias"]
    np.testing.assert_allclose(cls_token, x[:, 0], atol=2e-5)
    np.testing.assert_allclose(patches, x[:, 1:].reshape(2, 2, 2, 16), atol=2e-5)


def test_which_outputs():
    backbone = VisionTransformer(**TINY, out_indices=(0, -1))
    params = parameters(backbone, X)
    first, last = apply(backbone, params)
    assert [(patches.shape, cls.shape) for patches, cls in (first, last)] == [((2, 2, 2, 16), (2, 16))] * 2
    (only,) = apply(backbone.clone(out_indices=0), params)
    np.testing.assert_array_equal(only[0], first[0])

    (patches,) = apply(backbone.clone(out_indices=-1, output_cls_token=False), params)
    np.testing.assert_array_equal(patches, last[0])
    blind = backbone.clone(out_indices=2, output_cls_token=False, with_cls_token=False)
    (patches,) = apply(blind, params)
    assert patches.shape == (2, 2, 2, 16)
    assert not np.allclose(patches, last[0])  # no layer saw the class token
    assert jax.eval_shape(blind.init, jax.random.key(0), X)["params"].keys() == params.keys()

    (unnormed,) = apply(backbone.clone(out_indices=2, final_norm=False), params)
    assert np.asarray(unnormed[0]).std() > 2 * np.asarray(last[0]).std()


def test_averaged_patches():
    backbone = VisionTransformer(**TINY, out_indices=(1, 2), avg_token=True)
    params = parameters(backbone, X)
    averaged = apply(backbone, params)
    patches = apply(backbone.clone(avg_token=False), params)
    for (found, cls_token), (whole, same_cls_token) in zip(averaged, patches, strict=True):
        mean = np.mean(whole, (1, 2))
        mean = (mean - mean.mean(-1, keepdims=True)) / np.sqrt(mean.var(-1, keepdims=True) + 1e-6)
        np.testing.assert_allclose(found, mean * params["ln2"]["scale"] + params["ln2"]["bias"], atol=2e-5)
        np.testing.assert_array_equal(cls_token, same_cls_token)


def test_images_of_another_size():
    backbone = VisionTransformer(**TINY)
    params = parameters(backbone, X)
    images = np.random.default_rng(2).standard_normal((2, 12, 16, 3), np.float32)
    ((patches, cls_token),) = apply(backbone, params, images)
    assert patches.shape == (2, 3, 4, 16)
    resized = {**params, "pos_embed": resize_pos_embed(params["pos_embed"], (2, 2), (3, 4))}
    ((_, expected),) = apply(backbone.clone(img_size=(12, 16)), resized, images)
    np.testing.assert_allclose(cls_token, expected, atol=2e-6)


def test_initial_values():
    params = jax.jit(VisionTransformer(**TINY | {"img_size": 64}).init)(jax.random.key(0), np.zeros((1, 64, 64, 3)))
    params = params["params"]
    assert not np.any(params["cls_token"])
    assert abs(np.std(params["pos_embed"]) / 0.02 - 1) < 0.05
    ffn = params["layers.1"]["ffn"]["layers.0.0"]
    bound = np.sqrt(6 / (16 + 24))  # Xavier, uniform
    assert 0.9 * bound < np.abs(ffn["kernel"]).max() <= bound
    assert 0 < np.abs(ffn["bias"]).max() < 5e-6


def test_drop_path_grows_with_the_depth():
    backbone = VisionTransformer(**TINY, drop_path_rate=1.0 - 1e-7, out_indices=(0, 2), final_norm=False)
    params = parameters(backbone, X)
    (_, first), (_, last) = apply(backbone, params, train=True)
    np.testing.assert_array_equal(first, apply(backbone, params)[0][1])  # rate 0
    middle = apply(backbone.clone(out_indices=1), params, train=True)[0][1]
    np.testing.assert_array_equal(last, middle)  # rate 1


def test_layers_of_their_own():
    layers = ({}, {"feedforward_channels": 8}, {"num_fcs": 3, "qkv_bias": False})
    params = parameters(VisionTransformer(**TINY, layer_cfgs=layers, patch_cfg={"bias": False}), X)
    assert params["layers.0"]["ffn"]["layers.0.0"]["kernel"].shape == (16, 24)
    assert params["layers.1"]["ffn"]["layers.0.0"]["kernel"].shape == (16, 8)
    assert "layers.2" in params["layers.2"]["ffn"]
    assert "bias" not in params["layers.2"]["attn"]["qkv"]
    assert "bias" not in params["patch_embed"]["projection"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: VisionTransformer("basse"), "arch='basse'; did you mean 'base'"),
        (lambda: VisionTransformer({"embed_dims": 8}), "a dict needs embed_dims, num_layers"),
        (lambda: VisionTransformer(**TINY, out_indices=3), "out_indices=3; allowed: -3 to 2"),
        (lambda: VisionTransformer(**TINY, with_cls_token=False), "output_cls_token=True needs with_cls_token=True"),
        (lambda: run(VisionTransformer(**TINY, layer_cfgs=({},))), "layer_cfgs: 1 configs for 3"),
        (lambda: run(VisionTransformer(**TINY, layer_cfgs={"heads": 2})), "has no argument 'heads'.*num_heads"),
        (lambda: run(VisionTransformer(**TINY, patch_cfg={"pad": 1})), "patch_cfg: PatchEmbed has no argument 'pad'"),
    ],
)
def test_messages(make, message):
    with pytest.raises(UserError, match=message):
        make()


def run(backbone):
    jax.eval_shape(backbone.init, jax.random.key(0), X)


@pytest.mark.parametrize(
    ("arguments", "shape", "positions"),
    [
        ({"out_type": "cls_token"}, (2, 16), 17),
        ({"out_type": "featmap"}, (2, 4, 4, 16), 17),
        ({"out_type": "avg_featmap"}, (2, 16), 17),
        ({"out_type": "cls_and_avg_featmap"}, (2, 32), 17),
        ({"out_type": "raw"}, (2, 17, 16), 17),
        ({"out_type": "raw", "with_cls_token": False}, (2, 16, 16), 16),
        ({"out_type": "raw", "num_register_tokens": 4, "class_position": False}, (2, 21, 16), 16),
        ({"out_type": "featmap", "num_register_tokens": 4, "pre_norm": True}, (2, 4, 4, 16), 17),
    ],
)
def test_what_out_type_gives(arguments, shape, positions):
    arch = {"embed_dims": 16, "num_layers": 1, "num_heads": 2, "feedforward_channels": 24}
    layer_cfgs = {"ffn_type": "swiglu_fused"}
    made = VisionTransformer(arch, 16, 4, layer_scale_init_value=1e-5, layer_cfgs=layer_cfgs, **arguments)
    images = jax.ShapeDtypeStruct((2, 16, 16, 3), jnp.float32)
    variables = jax.eval_shape(made.init, jax.random.key(0), images)
    assert jax.eval_shape(made.apply, variables, images)[0].shape == shape
    params = variables["params"]
    assert params["pos_embed"].shape == (1, positions, 16)
    assert ("cls_token" in params) == arguments.get("with_cls_token", True)
    assert params["layers.0"]["ffn"]["w12"]["kernel"].shape == (16, 32)  # two thirds of 24, twice


def test_class_token_and_mean_side_by_side():
    arch = {"embed_dims": 16, "num_layers": 1, "num_heads": 2, "feedforward_channels": 16}
    common = {"img_size": 16, "patch_size": 4, "num_register_tokens": 2}
    images = jax.random.normal(jax.random.key(1), (1, 16, 16, 3))
    variables = VisionTransformer(arch, out_type="raw", **common).init(jax.random.key(0), images)
    tokens, both = (
        VisionTransformer(arch, out_type=out_type, **common).apply(variables, images)[0]
        for out_type in ("raw", "cls_and_avg_featmap")
    )
    np.testing.assert_allclose(both, np.concatenate([tokens[:, 0], tokens[:, 3:].mean(1)], -1), rtol=1e-5, atol=1e-6)


def test_registers_stand_between_class_token_and_patches():
    arch = {"embed_dims": 16, "num_layers": 1, "num_heads": 2, "feedforward_channels": 16}
    common = {"img_size": 16, "patch_size": 4, "class_position": False, "final_norm": False, "out_type": "raw"}
    common["layer_cfgs"] = {"drop_path_rate": 0.0}
    made = VisionTransformer(arch, num_register_tokens=2, **common)
    images = jax.random.normal(jax.random.key(1), (1, 16, 16, 3))
    params = made.init(jax.random.key(0), images)["params"]
    tokens = made.apply({"params": params}, images)[0]
    moved = {**params, "register_tokens": params["register_tokens"] + 1.0, "cls_token": params["cls_token"] + 2.0}
    change = np.abs(made.apply({"params": moved}, images)[0] - tokens).mean(-1)[0]
    assert change[0] > change[3:].max()
    assert change[1:3].min() > change[3:].max()
