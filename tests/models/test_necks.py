from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcls.errors import UserError
from jaxcls.models.necks import GeneralizedMeanPooling, GlobalAveragePooling

X = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)


@pytest.mark.parametrize(("dim", "shape"), [(1, (2, 12, 5)), (2, (2, 3, 4, 5)), (3, (2, 3, 2, 2, 5))])
def test_the_average_over_the_positions(dim, shape):
    (found,) = GlobalAveragePooling(dim=dim).apply({}, (X.reshape(shape),))
    np.testing.assert_allclose(found, X.reshape(2, 12, 5).mean(1), rtol=1e-6, atol=1e-7)


def plain(x, p, eps=1e-6):
    return jnp.mean(jnp.maximum(x, eps) ** p, (1, 2)) ** (1 / p)


def test_the_generalised_mean_both_directions():
    neck = GeneralizedMeanPooling(p=2.5)
    variables = neck.init(jax.random.key(0), (X,))
    assert jax.tree.map(np.shape, variables) == {"params": {"p": (1,)}}
    x = np.abs(X) + 0.1

    def loss(function, x, p):
        return jnp.sum(jnp.sin(function(x, p)))

    found = jax.grad(lambda x, p: loss(lambda x, p: neck.apply({"params": {"p": p}}, (x,))[0], x, p), (0, 1))
    expected = jax.grad(lambda x, p: loss(plain, x, p), (0, 1))
    p = variables["params"]["p"]
    np.testing.assert_allclose(neck.apply(variables, (x,))[0], plain(x, 2.5), rtol=1e-5)
    for a, b in zip(found(x, p), expected(x, p), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    (half,) = neck.apply(variables, (jnp.asarray(x, jnp.bfloat16),))
    assert half.dtype == jnp.bfloat16


def test_the_generalised_mean_without_a_parameter():
    mean = GeneralizedMeanPooling(p=1.0, clamp=False, p_trainable=False)
    assert not mean.init(jax.random.key(0), (X,))
    np.testing.assert_allclose(mean.apply({}, (X,))[0], X.mean((1, 2)), rtol=1e-5, atol=1e-6)
    largest = GeneralizedMeanPooling(p=60.0, p_trainable=False)
    np.testing.assert_allclose(largest.apply({}, (np.abs(X),))[0], np.abs(X).max((1, 2)), rtol=0.06)


@pytest.mark.parametrize("neck", [GlobalAveragePooling(), GeneralizedMeanPooling()])
def test_features_of_another_rank(neck):
    with pytest.raises(UserError, match=r"features of shape \(2, 3, 20\)"):
        neck.init(jax.random.key(0), (X.reshape(2, 3, 20),))
