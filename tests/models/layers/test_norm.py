from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcls.errors import UserError
from jaxcls.models.layers import BatchNorm, GroupNorm, LayerNorm, build_norm
from jaxcls.models.layers.norm import InstanceNorm, _affine, _moments

X = np.random.default_rng(0).normal(3.0, 2.0, (4, 3, 3, 8)).astype(np.float32)


def test_batch_norm_moves_towards_the_unbiased_variance():
    layer = BatchNorm()
    variables = layer.init(jax.random.key(0), X)
    y, updated = layer.apply(variables, X, True, mutable=["batch_stats"])
    x = X.astype(np.float64).reshape(-1, 8)
    np.testing.assert_allclose(updated["batch_stats"]["mean"], 0.1 * x.mean(0), rtol=1e-6)
    np.testing.assert_allclose(updated["batch_stats"]["var"], 0.9 + 0.1 * x.var(0, ddof=1), rtol=1e-6)
    expected = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)
    np.testing.assert_allclose(y, expected.reshape(X.shape), atol=2e-6)


def test_synchronised_statistics_are_those_of_all_devices_also_far_from_zero():
    layer, x = BatchNorm(sync=True), np.random.default_rng(0).normal(100.0, 0.5, (8, 4, 3, 3, 8)).astype(np.float32)
    x += np.arange(8, dtype=np.float32).reshape(8, 1, 1, 1, 1)  # devices' means differ
    variables = layer.init(jax.random.key(0), x[0])
    apply = jax.vmap(lambda x: layer.apply(variables, x, True, mutable=["batch_stats"]), axis_name="batch")
    y, updated = apply(x)
    whole = x.astype(np.float64).reshape(-1, 8)
    for moved in updated["batch_stats"]["var"]:
        np.testing.assert_allclose(moved, 0.9 + 0.1 * whole.var(0, ddof=1), rtol=1e-5)
    expected = (whole - whole.mean(0)) / np.sqrt(whole.var(0) + 1e-5)
    np.testing.assert_allclose(np.reshape(y, (-1, 8)), expected, atol=1e-4)


def test_batch_norm_refuses_to_train_on_one_value_a_channel():
    layer, x = BatchNorm(), X[:1, :1, :1]
    variables = layer.init(jax.random.key(0), x)
    with pytest.raises(UserError, match="BatchNorm: one value a channel to train on; give each device several images"):
        layer.apply(variables, x, True, mutable=["batch_stats"])
    assert layer.apply(variables, x).shape == x.shape


def test_batch_norm_evaluates_with_running_statistics():
    layer = BatchNorm(eps=1e-3)
    variables = layer.init(jax.random.key(0), X)
    stats = {"mean": jnp.arange(8.0), "var": jnp.arange(1.0, 9.0)}
    y = layer.apply({**variables, "batch_stats": stats}, X)
    np.testing.assert_allclose(y, (X - np.arange(8)) / np.sqrt(np.arange(1, 9) + 1e-3), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("layer", [BatchNorm(), LayerNorm(), GroupNorm(num_groups=2), InstanceNorm()])
def test_half_precision_keeps_float32_statistics(layer):
    x = jnp.asarray(X * 100, jnp.bfloat16)
    variables = layer.init(jax.random.key(0), x)
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(variables))
    y, _ = layer.apply(variables, x, True, mutable=["batch_stats"])
    exact, _ = layer.apply(variables, x.astype(jnp.float32), True, mutable=["batch_stats"])
    assert y.dtype == jnp.bfloat16
    np.testing.assert_allclose(y.astype(jnp.float32), exact, atol=0.02)


def test_layer_and_group_norm_by_definition():
    x = X.astype(np.float64)
    y = LayerNorm().init_with_output(jax.random.key(0), X)[0]
    expected = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(y, expected, atol=2e-5)
    y = GroupNorm(num_groups=4).init_with_output(jax.random.key(0), X)[0]
    groups = x.reshape(4, 9, 4, 2)
    expected = (groups - groups.mean((1, 3), keepdims=True)) / np.sqrt(groups.var((1, 3), keepdims=True) + 1e-5)
    np.testing.assert_allclose(y, expected.reshape(X.shape), atol=2e-5)


def test_instance_norm_by_definition():
    x = X.astype(np.float64)
    expected = (x - x.mean((1, 2), keepdims=True)) / np.sqrt(x.var((1, 2), keepdims=True) + 1e-5)
    layer = build_norm({"type": "IN"})
    assert not layer.init(jax.random.key(0), X)
    np.testing.assert_allclose(layer.apply({}, X), expected, atol=2e-5)
    params = {"scale": np.arange(8, dtype=np.float32), "bias": np.ones(8, np.float32)}
    y = build_norm({"type": "IN2d", "affine": True}).apply({"params": params}, X)
    np.testing.assert_allclose(y, expected * np.arange(8) + 1, atol=2e-4)


@pytest.mark.parametrize(("axes", "keepdims"), [((0, 1, 2), False), ((1, 2), True), ((1, 3), True)])
def test_derivatives_of_all_orders_are_those_of_the_definition(axes, keepdims):
    """Of values far from zero, in float64: reverse, reverse of reverse, forward of reverse."""

    def by_parts(x, scale, bias):
        mean, var = _moments(x, axes, keepdims)
        return _affine(x, mean, scale * jax.lax.rsqrt(var + 1e-5), bias)

    def by_definition(x, scale, bias):
        mean = x.mean(axes, keepdims=True)
        var = ((x - mean) ** 2).mean(axes, keepdims=True)
        return (x - mean) / jnp.sqrt(var + 1e-5) * scale + bias

    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        inputs = jnp.asarray(rng.normal(3.0, 1.0, (3, 4, 5, 2))), jnp.asarray([0.7, -1.3]), jnp.asarray([0.2, 0.1])
        along = jax.tree.map(lambda leaf: jnp.asarray(rng.standard_normal(leaf.shape)), inputs)
        found, expected = (derivatives(function, inputs, along) for function in (by_parts, by_definition))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12), found, expected)


def derivatives(function, inputs, along):
    """The gradient of a loss that is not linear, and the product of its second derivatives with a vector, twice."""
    gradient = jax.grad(lambda *inputs: jnp.sum(jnp.sin(function(*inputs))), argnums=(0, 1, 2))
    product = jax.grad(lambda inputs: sum(jnp.vdot(a, b) for a, b in zip(gradient(*inputs), along, strict=True)))
    return gradient(*inputs), product(inputs), jax.jvp(lambda *inputs: gradient(*inputs), inputs, along)[1]


def test_messages():
    with pytest.raises(UserError, match="norm_cfg: type 'BNN'; did you mean"):
        build_norm({"type": "BNN"})
    with pytest.raises(UserError, match="norm_cfg: BN has no argument 'epsilon'"):
        build_norm({"type": "BN", "epsilon": 1e-3})
    with pytest.raises(UserError, match="8 channels do not split into num_groups=3"):
        GroupNorm(num_groups=3).init(jax.random.key(0), X)
