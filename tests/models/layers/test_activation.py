from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcls.errors import UserError
from jaxcls.models.layers import build_activation
from jaxcls.models.layers.activation import ACTIVATIONS

X = np.concatenate([np.linspace(-8, 8, 65), [-1e-3, 1e-3]]).astype(np.float32)


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def hard(x):
    return min(max((x + 3) / 6, 0), 1)


DEFINITIONS = {
    "ReLU": lambda x: max(x, 0),
    "LeakyReLU": lambda x: x if x > 0 else 0.01 * x,
    "ReLU6": lambda x: min(max(x, 0), 6),
    "ELU": lambda x: x if x > 0 else math.expm1(x),
    "Sigmoid": sigmoid,
    "Tanh": math.tanh,
    "GELU": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
    "SiLU": lambda x: x * sigmoid(x),
    "Swish": lambda x: x * sigmoid(x),
    "HSwish": lambda x: x * hard(x),
    "HSigmoid": hard,
    "Clip": lambda x: min(max(x, -1), 1),
    "Clamp": lambda x: min(max(x, -1), 1),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_by_definition(name):
    act, definition = build_activation({"type": name, "inplace": True}), DEFINITIONS[name]
    np.testing.assert_allclose(act(X), [definition(float(x)) for x in X], rtol=1e-5, atol=1e-6)
    assert act(jnp.asarray(X, jnp.bfloat16)).dtype == jnp.bfloat16
    smooth = X[(np.abs(X) % 1 > 0.01) & (np.abs(X) > 0.01)]  # apart from corners
    step = 1e-6
    slopes = [(definition(float(x) + step) - definition(float(x) - step)) / (2 * step) for x in smooth]
    np.testing.assert_allclose(jax.vmap(jax.grad(act))(smooth), slopes, rtol=1e-4, atol=1e-5)


def test_arguments():
    np.testing.assert_allclose(build_activation({"type": "LeakyReLU", "negative_slope": 0.2})(-X[:1]), -X[:1])
    np.testing.assert_allclose(build_activation({"type": "LeakyReLU", "negative_slope": 0.2})(X[:1]), 0.2 * X[:1])
    assert build_activation({"type": "Clip", "min": -2.0, "max": 3.0})(X).max() == 3.0
    assert build_activation(None)(X) is X


def test_messages():
    with pytest.raises(UserError, match="act_cfg: type 'GELUU'; did you mean 'GELU'"):
        build_activation({"type": "GELUU"})
