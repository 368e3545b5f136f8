from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import erf

from jaxcls.convert import convert_state_dict, export_state_dict
from jaxcls.errors import UserError
from jaxcls.models import build_classifier
from jaxcls.models.backbones import VisionTransformer
from jaxcls.models.backbones.vision_transformer import TransformerEncoderLayer
from jaxcls.models.layers import resize_pos_embed
from tests.models.filled import parameters

# (arch, image, patch, the head's hidden_dim, parameters with 1000 classes): MMClassification's own counts
COUNTS = [
    ("deit-tiny", 224, 16, None, 5_717_416),
    ("deit-small", 224, 16, None, 22_050_664),
    ("deit-base", 224, 16, None, 86_567_656),
    ("deit-base", 384, 16, None, 86_859_496),
    ("b", 224, 16, 3072, 91_234_024),
    ("b", 224, 16, None, 86_567_656),
    ("b", 224, 32, 3072, 92_890_600),
    ("b", 384, 16, None, 86_859_496),
    ("b", 384, 32, None, 88_297_192),
    ("l", 224, 16, 3072, 309_523_432),
    ("l", 224, 32, 3072, 311_732_200),
    ("l", 384, 16, None, 304_715_752),
    ("l", 384, 32, None, 306_632_680),
]
TINY = {
    "arch": {"embed_dims": 16, "num_layers": 3, "num_heads": 2, "feedforward_channels": 24},
    "img_size": 8,
    "patch_size": 4,
}
X = np.random.default_rng(0).standard_normal((2, 8, 8, 3), np.float32)


def apply(backbone, params, x=X, train=False, key=1):
    function = jax.jit(backbone.apply, static_argnums=2)
    return function({"params": params}, x, train, rngs={"dropout": jax.random.key(key)} if train else None)


def gradient(backbone, params, x=X, key=1):
    def loss(params):
        outputs = backbone.apply({"params": params}, x, True, rngs={"dropout": jax.random.key(key)})
        return sum(jnp.sum(jnp.sin(leaf.astype(jnp.float32))) for leaf in jax.tree.leaves(outputs))

    return jax.jit(jax.value_and_grad(loss))(params)


@pytest.mark.parametrize(("arch", "img_size", "patch_size", "hidden_dim", "expected"), COUNTS)
def test_parameter_counts(arch, img_size, patch_size, hidden_dim, expected):
    backbone = VisionTransformer(arch, img_size, patch_size)
    head = {"type": "VisionTransformerClsHead", "in_channels": backbone.settings["embed_dims"]}
    made = build_classifier(
        {
            "type": "ImageClassifier",
            "backbone": {"type": "VisionTransformer", "arch": arch, "img_size": img_size, "patch_size": patch_size},
            "head": {**head, "hidden_dim": hidden_dim},
        }
    )
    images = jax.ShapeDtypeStruct((1, img_size, img_size, 3), jnp.float32)
    shapes = jax.eval_shape(made.init, jax.random.key(0), images)
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes["params"])) == expected


def test_small_is_the_originals():
    settings = VisionTransformer("small").settings
    assert settings == VisionTransformer("S").settings
    assert tuple(settings.values()) == (768, 8, 8, 2304)


@pytest.mark.slow
def test_logits_of_the_original(golden, fill):
    data = np.load(golden / "models" / "vit_base_p16.npz")
    meta = json.loads(str(data["meta"]))
    made = build_classifier(meta["model"])
    state_dict = {name: fill.fill(name, tuple(shape)) for name, shape in meta["params"]}
    shape = tuple(meta["input"]["shape"])
    variables = convert_state_dict(made, state_dict, (*shape[2:], shape[1]))
    logits = jax.jit(made.apply)(variables, fill.images(shape, 0).transpose(0, 2, 3, 1))
    assert np.abs(logits - data["logits"]).max() / np.abs(data["logits"]).max() < 1e-5
    exported = export_state_dict(made, variables)
    assert exported.keys() == state_dict.keys()
    assert all(np.array_equal(exported[key], value) for key, value in state_dict.items())


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


def test_frozen_stages():
    backbone = VisionTransformer(**TINY, drop_rate=0.3, drop_path_rate=0.5, frozen_stages=2)
    params = parameters(backbone, X)
    names = {name for name in params if backbone.is_frozen((name, "kernel"))}
    assert names == {"cls_token", "pos_embed", "patch_embed", "layers.0", "layers.1"}
    assert backbone.clone(frozen_stages=3).is_frozen(("ln1", "scale"))
    assert not any(backbone.clone(frozen_stages=0).is_frozen((name,)) for name in params)

    early = backbone.clone(out_indices=1)
    np.testing.assert_array_equal(apply(early, params)[0][1], apply(early, params, train=True)[0][1])
    assert not np.allclose(apply(backbone, params)[0][1], apply(backbone, params, train=True)[0][1])


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


def test_activation_checkpointing_changes_nothing():
    backbone = VisionTransformer(**TINY, drop_rate=0.1)
    params = parameters(backbone, X)
    for a, b in zip(
        jax.tree.leaves(gradient(backbone, params)),
        jax.tree.leaves(gradient(backbone.clone(with_cp=True), params)),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


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
