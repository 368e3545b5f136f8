"""Optimisers against PyTorch's update rules, written out in float64."""

from __future__ import annotations

import jax
import numpy as np
import optax
import pytest

from jaxcls.engine.optim import Multipliers, build_optimizer, clip_by_norm, multipliers
from jaxcls.errors import UserError

PARAMS = {
    "backbone": {
        "conv": {"kernel": np.ones((3, 3, 4, 8), np.float32), "bias": np.ones(8, np.float32)},
        "dw": {"kernel": np.ones((3, 3, 1, 8), np.float32)},
        "bn": {"scale": np.ones(8, np.float32), "bias": np.ones(8, np.float32)},
        "pos_embed": np.ones((1, 4, 8), np.float32),
    },
    "head": {"fc": {"kernel": np.ones((8, 5), np.float32), "bias": np.ones(5, np.float32)}},
}


def run(config, gradients, start):
    params = {"w": np.asarray(start, np.float32)}
    tx = build_optimizer(config, params)
    state = tx.init(params)
    for gradient in gradients:
        updates, state = tx.update({"w": np.asarray(gradient, np.float32)}, state, params)
        params = optax.apply_updates(params, updates)
    return np.asarray(params["w"])


def sgd(gradients, w, lr, momentum=0.0, weight_decay=0.0, nesterov=False):
    buffer = None
    for g in gradients:
        g = g + weight_decay * w
        if momentum:
            buffer = g if buffer is None else momentum * buffer + g
            g = g + momentum * buffer if nesterov else buffer
        w = w - lr * g
    return w


def adam(gradients, w, lr, weight_decay=0.0, betas=(0.9, 0.999), eps=1e-8, decoupled=False):
    m = v = 0.0
    for t, g in enumerate(gradients, 1):
        if decoupled:
            w = w * (1 - lr * weight_decay)
        else:
            g = g + weight_decay * w
        m, v = betas[0] * m + (1 - betas[0]) * g, betas[1] * v + (1 - betas[1]) * g * g
        w = w - lr * (m / (1 - betas[0] ** t)) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)
    return w


RNG = np.random.default_rng(0)
GRADIENTS, START = RNG.standard_normal((5, 7)), RNG.standard_normal(7)


@pytest.mark.parametrize(
    "arguments",
    [
        {"lr": 0.1},
        {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01},
        {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01, "nesterov": True},
    ],
)
def test_sgd(arguments):
    expected = sgd(GRADIENTS, START, **arguments)
    np.testing.assert_allclose(run({"type": "SGD", **arguments}, GRADIENTS, START), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("decoupled", [False, True])
def test_adam_and_adamw(decoupled):
    arguments = {"lr": 0.01, "weight_decay": 0.1, "betas": (0.8, 0.95), "eps": 1e-6}
    expected = adam(GRADIENTS, START, **arguments, decoupled=decoupled)
    found = run({"type": "AdamW" if decoupled else "Adam", **arguments}, GRADIENTS, START)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_paramwise_rules():
    found = multipliers(PARAMS, bias_lr_mult=2.0, bias_decay_mult=0.5, norm_decay_mult=0.0, dwconv_decay_mult=0.25)
    backbone = found["backbone"]
    assert backbone["conv"] == {"kernel": Multipliers(), "bias": Multipliers(2.0, 0.5)}
    assert backbone["dw"] == {"kernel": Multipliers(1.0, 0.25)}
    assert backbone["bn"] == {"scale": Multipliers(1.0, 0.0), "bias": Multipliers(1.0, 0.0)}
    assert found["head"]["fc"]["bias"] == Multipliers(2.0, 0.5)


def test_custom_keys_longest_match_decides_alone():
    keys = {"backbone": {"lr_mult": 0.1}, "backbone.bn": {"decay_mult": 0.0}, ".pos_embed": {"decay_mult": 0.0}}
    found = multipliers(PARAMS, norm_decay_mult=0.5, bias_decay_mult=0.5, custom_keys=keys)
    assert found["backbone"]["conv"]["bias"] == Multipliers(0.1, 1.0)
    assert found["backbone"]["bn"]["scale"] == Multipliers(1.0, 0.0)
    assert found["backbone"]["pos_embed"] == Multipliers(1.0, 0.0)
    assert found["head"]["fc"]["bias"] == Multipliers(1.0, 0.5)


def test_multipliers_reach_the_update():
    config = {"type": "SGD", "lr": 0.1, "weight_decay": 0.1}
    config["paramwise_cfg"] = {"norm_decay_mult": 0.0, "custom_keys": {"head": {"lr_mult": 10.0}}}
    tx = build_optimizer(config, PARAMS)
    zeros = jax.tree.map(np.zeros_like, PARAMS)
    updates, _ = tx.update(zeros, tx.init(PARAMS), PARAMS)
    np.testing.assert_allclose(updates["backbone"]["conv"]["kernel"], -0.01, rtol=1e-6)
    np.testing.assert_allclose(updates["backbone"]["bn"]["scale"], 0.0)
    np.testing.assert_allclose(updates["head"]["fc"]["kernel"], -0.1, rtol=1e-6)


def test_a_schedule_sets_the_rate():
    params = {"w": np.zeros(1, np.float32)}
    tx = build_optimizer({"type": "SGD", "lr": 9.0}, params, lambda step: 0.5 / (1 + step))
    state = tx.init(params)
    for expected in (-0.5, -0.25):
        updates, state = tx.update({"w": np.ones(1, np.float32)}, state, params)
        np.testing.assert_allclose(updates["w"], expected, rtol=1e-6)


@pytest.mark.parametrize(("norm_type", "norm"), [(2.0, 5.0), (1.0, 7.0), (float("inf"), 4.0)])
def test_clipping_by_norm(norm_type, norm):
    grads = {"a": np.asarray([3.0], np.float32), "b": np.asarray([-4.0], np.float32)}
    clipped, found = clip_by_norm(grads, 1.0, norm_type)
    np.testing.assert_allclose(found, norm, rtol=1e-6)
    np.testing.assert_allclose(clipped["a"], 3.0 / norm, rtol=1e-5)
    untouched, _ = clip_by_norm(grads, 100.0, norm_type)
    assert untouched["b"] == -4.0


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"type": "SDG", "lr": 1.0}, "optimizer.type: 'SDG'; did you mean 'SGD'"),
        ({"type": "SGD"}, "SGD needs 'lr'"),
        ({"type": "SGD", "lr": 1.0, "momentom": 0.9}, "no argument 'momentom'; did you mean 'momentum'"),
        ({"type": "SGD", "lr": 1.0, "nesterov": True}, "nesterov=True needs momentum"),
        ({"type": "Adam", "lr": 1.0, "paramwise_cfg": {"norm_decay": 0}}, "paramwise_cfg: no argument 'norm_decay'"),
    ],
)
def test_messages(config, message):
    with pytest.raises(UserError, match=message):
        build_optimizer(config, PARAMS)
