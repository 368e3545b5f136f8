from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcls.errors import UserError
from jaxcls.models.heads import DeiTClsHead, VisionTransformerClsHead

TOKEN = np.random.default_rng(0).standard_normal((2, 64), np.float32)
FEATURES = (("an earlier stage's",), (np.zeros((2, 4, 4, 64), np.float32), TOKEN))


def test_hidden_layer_and_activation():
    head = VisionTransformerClsHead(num_classes=5, in_channels=64, hidden_dim=32)
    params = head.init(jax.random.key(0), FEATURES)["params"]
    assert not np.any(params["layers.head"]["kernel"])
    assert not np.any(params["layers.head"]["bias"])
    assert not np.any(params["layers.pre_logits"]["bias"])
    assert abs(np.std(params["layers.pre_logits"]["kernel"]) * np.sqrt(64) - 1) < 0.1  # LeCun

    params = jax.tree.map(lambda leaf: np.random.default_rng(leaf.size).standard_normal(leaf.shape, np.float32), params)
    hidden = np.tanh(TOKEN @ params["layers.pre_logits"]["kernel"] + params["layers.pre_logits"]["bias"])
    expected = hidden @ params["layers.head"]["kernel"] + params["layers.head"]["bias"]
    np.testing.assert_allclose(head.apply({"params": params}, FEATURES), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(head.apply({"params": params}, FEATURES, method="pre_logits"), hidden, atol=1e-5)

    relu = head.clone(act_cfg={"type": "ReLU"})
    assert np.min(relu.apply({"params": params}, FEATURES, method="pre_logits")) == 0


def test_hidden_layer_starts_alike_under_any_init_cfg():
    head = VisionTransformerClsHead(
        num_classes=5, in_channels=64, hidden_dim=32, init_cfg={"type": "Constant", "layer": "Linear", "val": 3}
    )
    params = head.init(jax.random.key(0), FEATURES)["params"]
    assert np.all(params["layers.head"]["kernel"] == 3)
    assert np.abs(params["layers.pre_logits"]["kernel"]).max() < 1


def test_without_a_hidden_layer():
    head = VisionTransformerClsHead(num_classes=5, in_channels=64)
    variables = head.init(jax.random.key(0), FEATURES)
    assert variables["params"].keys() == {"layers.head"}
    np.testing.assert_array_equal(head.apply(variables, FEATURES, method="pre_logits"), TOKEN)


@pytest.mark.parametrize(
    ("arguments", "features", "message"),
    [
        ({"num_classes": 0}, FEATURES, "num_classes=0; at least 1"),
        ({"in_channels": 32}, FEATURES, r"in_channels=32, but the token is \(2, 64\)"),
        ({}, (jnp.zeros((2, 4, 4, 64)),), "needs a class token: a backbone with output_cls_token=True"),
        ({}, ((*FEATURES[-1], TOKEN),), "needs a class token: a backbone"),
    ],
)
def test_messages(arguments, features, message):
    with pytest.raises(UserError, match=message):
        VisionTransformerClsHead(**{"num_classes": 5, "in_channels": 64} | arguments).init(jax.random.key(0), features)


@pytest.mark.parametrize("hidden_dim", [None, 32])
def test_logits_of_deit_are_the_mean_of_two_layers(hidden_dim):
    head = DeiTClsHead(num_classes=5, in_channels=64, hidden_dim=hidden_dim)
    features = ((np.zeros((2, 4, 4, 64), np.float32), TOKEN, -TOKEN),)
    shapes = jax.eval_shape(head.init, jax.random.key(0), features)["params"]
    params = jax.tree.map(lambda leaf: np.random.default_rng(leaf.size).standard_normal(leaf.shape, np.float32), shapes)
    params["layers.head_dist"] = jax.tree.map(lambda leaf: 2 * leaf, params["layers.head"])

    def logits(token, name):
        if hidden_dim is not None:
            token = np.tanh(token @ params["layers.pre_logits"]["kernel"] + params["layers.pre_logits"]["bias"])
        return token @ params[name]["kernel"] + params[name]["bias"]

    expected = (logits(TOKEN, "layers.head") + logits(-TOKEN, "layers.head_dist")) / 2
    np.testing.assert_allclose(head.apply({"params": params}, features), expected, rtol=1e-5, atol=1e-5)


def test_deits_head_needs_both_tokens():
    with pytest.raises(UserError, match="DeiTClsHead needs a class token and a distillation token: a backbone"):
        DeiTClsHead(num_classes=5, in_channels=64).init(jax.random.key(0), FEATURES)
