from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxcls.convert import export_state_dict
from jaxcls.errors import UserError
from jaxcls.models import build_classifier
from jaxcls.models.heads import StackedLinearClsHead

X = jax.random.normal(jax.random.key(0), (5, 12))
HEAD = {"num_classes": 4, "in_channels": 12, "mid_channels": (8, 6)}


def test_is_linear_layers_with_activations_between_them_both_directions():
    head = StackedLinearClsHead(**HEAD, act_cfg=nn.FrozenDict(type="HSwish"))
    variables = head.init(jax.random.key(1), (X,))

    def plain(params, x):
        for i in range(3):
            layer = params[f"layers.{i}"]["fc"]
            x = x @ layer["kernel"] + layer["bias"]
            x = x * jnp.clip(x + 3, 0, 6) / 6 if i < 2 else x
        return x

    ours, theirs = (
        jax.value_and_grad(lambda p, x, f=f: jnp.sum(jnp.sin(f(p, x))), argnums=(0, 1))(variables["params"], X)
        for f in (lambda p, x: head.apply({"params": p}, (x,)), plain)
    )
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert np.abs(a - b).max() <= 1e-5 * np.abs(b).max()


def test_names_of_the_original():
    head = {"type": "StackedLinearClsHead", **HEAD, "in_channels": 84, "norm_cfg": {"type": "LN"}}
    made = build_classifier(
        {"type": "ImageClassifier", "backbone": {"type": "LeNet5", "num_classes": 84}, "head": head}
    )
    state_dict = export_state_dict(made, jax.jit(made.init)(jax.random.key(0), jnp.zeros((1, 32, 32, 1))))
    names = {f"{layer}.{leaf}" for layer in ("fc", "norm") for leaf in ("weight", "bias")}
    expected = {f"head.layers.{i}.{name}" for i in range(2) for name in names}
    expected |= {"head.layers.2.fc.weight", "head.layers.2.fc.bias"}
    assert {name for name in state_dict if name.startswith("head.")} == expected
    assert state_dict["head.layers.0.fc.weight"].shape == (8, 84)


def test_pre_logits_are_what_the_last_layer_sees():
    head = StackedLinearClsHead(**HEAD)
    variables = head.init(jax.random.key(1), X)
    features = head.apply(variables, X, method="pre_logits")
    layer = variables["params"]["layers.2"]["fc"]
    np.testing.assert_allclose(features @ layer["kernel"] + layer["bias"], head.apply(variables, X), rtol=1e-6)
    assert features.shape == (5, 6)


def test_dropout_in_training_only():
    head = StackedLinearClsHead(**{**HEAD, "mid_channels": (1000,)}, dropout_rate=0.25, act_cfg=None)
    variables = head.init(jax.random.key(1), X)
    outputs = head.apply(variables, X, True, method="pre_logits", rngs={"dropout": jax.random.key(2)})
    kept, expected = outputs != 0, head.apply(variables, X, method="pre_logits")
    assert abs(kept.mean() - 0.75) < 0.03
    np.testing.assert_allclose(outputs[kept], expected[kept] / 0.75, rtol=1e-6)


def test_norms_get_the_mode():
    head = StackedLinearClsHead(**HEAD, norm_cfg=nn.FrozenDict(type="BN"))
    variables = head.init(jax.random.key(1), X)
    _, updated = head.apply(variables, X, True, mutable=["batch_stats"])
    assert not any(map(jnp.array_equal, jax.tree.leaves(variables["batch_stats"]), jax.tree.leaves(updated)))


def test_layers_start_as_pytorch_s_whatever_its_init_cfg():
    init_cfg = {"type": "Normal", "layer": "Linear", "std": 0.01, "bias": 7.0}
    head = StackedLinearClsHead(num_classes=500, mid_channels=(400,), init_cfg=init_cfg)
    variables = head.init(jax.random.key(1), X)["params"]
    for name, fan_in in (("layers.0", 12), ("layers.1", 400)):
        for leaf in variables[name]["fc"].values():
            assert 0.95 < np.abs(leaf).max() * np.sqrt(fan_in) <= 1
            assert 0.9 < leaf.std() * np.sqrt(3 * fan_in) < 1.1


def test_mistakes():
    with pytest.raises(UserError, match="expected the width of one hidden layer or more"):
        StackedLinearClsHead(num_classes=4)
    with pytest.raises(UserError, match="in_channels=7, but the features have 12"):
        StackedLinearClsHead(mid_channels=(3,), in_channels=7).init(jax.random.key(0), X)
