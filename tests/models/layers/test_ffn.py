from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import erf

from jaxcls.errors import UserError
from jaxcls.models.layers import FFN
from jaxcls.models.layers.initializers import constant


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def parameters(layer, x):
    """Values for all of a layer's parameters: drawing them in NumPy saves the compilation of its initialisers."""
    shapes = jax.eval_shape(layer.init, jax.random.key(0), x)["params"]
    return jax.tree.map(lambda leaf: 0.5 * normal(*leaf.shape, seed=leaf.size), shapes)


def plain_ffn(params, x, num_fcs=2):
    for i in range(num_fcs - 1):
        x = x @ params[f"layers.{i}.0"]["kernel"] + params[f"layers.{i}.0"]["bias"]
        x = x * 0.5 * (1 + erf(x / np.sqrt(2.0)))  # GELU, exact
    last = params[f"layers.{num_fcs - 1}"]
    return x @ last["kernel"] + last["bias"]


@pytest.mark.parametrize("num_fcs", [2, 3])
def test_is_its_definition_both_directions(num_fcs):
    layer = FFN(24, num_fcs)
    x = normal(2, 5, 8)
    params = parameters(layer, x)
    found, expected = (
        jax.jit(jax.value_and_grad(lambda params, x, f=f: jnp.sum(jnp.sin(f(params, x))), argnums=(0, 1)))(params, x)
        for f in (lambda params, x: layer.apply({"params": params}, x), lambda p, x: plain_ffn(p, x, num_fcs))
    )
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert np.abs(a - b).max() <= 1e-5 * max(np.abs(b).max(), 1.0)


def test_initial_values_of_its_own():
    layer = FFN(24, kernel_init=constant(0.5), bias_init=constant(2.0))
    params = layer.init(jax.random.key(0), jnp.zeros((1, 8)))["params"]
    for name in ("layers.0.0", "layers.1"):
        assert np.all(params[name]["kernel"] == 0.5)
        assert np.all(params[name]["bias"] == 2.0)


def test_dropout_after_each_layer_in_training_only():
    layer = FFN(64, ffn_drop=0.5)
    x = jnp.ones((4, 64))
    variables = {"params": parameters(layer, x)}
    trained = np.asarray(layer.apply(variables, x, True, rngs={"dropout": jax.random.key(1)}))
    assert 0.3 < np.mean(trained == 0) < 0.7
    kept = trained != 0
    assert not np.allclose(trained[kept], 2 * np.asarray(layer.apply(variables, x))[kept])  # the first layer's too
    np.testing.assert_array_equal(layer.apply(variables, x), FFN(64).apply(variables, x))


def test_one_layer_is_none():
    with pytest.raises(UserError, match="num_fcs=1"):
        FFN(8, num_fcs=1)
