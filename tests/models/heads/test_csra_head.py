from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.nn import softmax

from jaxcls.errors import UserError
from jaxcls.models.heads import CSRAClsHead

X = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)


def test_each_class_attends_to_its_peaks():
    head = CSRAClsHead(num_classes=3, in_channels=5, num_heads=4, lam=0.2)
    variables = head.init(jax.random.key(0), (X,))
    expected = np.zeros((2, 3), np.float32)
    for i, temperature in enumerate((1, 2, 4, None)):
        kernel = variables["params"][f"csra_heads.{i}"]["head"]["kernel"][0, 0]
        scores = (X @ (kernel / np.sqrt((kernel**2).sum(0)))).reshape(2, 12, 3)
        peak = scores.max(1) if temperature is None else (softmax(temperature * scores, 1) * scores).sum(1)
        expected += scores.mean(1) + 0.2 * peak
    np.testing.assert_allclose(head.apply(variables, (X,)), expected, rtol=1e-5, atol=1e-6)
    half = head.apply(variables, (jnp.asarray(X, jnp.bfloat16),))
    np.testing.assert_allclose(half, expected, atol=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"num_heads": 3}, "num_heads=3; allowed: 1, 2, 4, 6, 8"), ({"lam": 0}, "lam=0; expected")],
)
def test_mistakes(arguments, message):
    with pytest.raises(UserError, match=message):
        CSRAClsHead(num_classes=3, in_channels=5, **arguments)


@pytest.mark.parametrize(
    ("features", "message"),
    [(X.mean((1, 2)), r"needs a map \(N, H, W, C\), got \(2, 5\): neck=None"), (X[..., :4], "in_channels=5, but .* 4")],
)
def test_other_features(features, message):
    with pytest.raises(UserError, match=message):
        CSRAClsHead(num_classes=3, in_channels=5).init(jax.random.key(0), (features,))
