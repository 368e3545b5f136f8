from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcls.errors import UserError
from jaxcls.models import build_classifier
from jaxcls.models.necks import GeneralizedMeanPooling, GlobalAveragePooling, HRFuseScales

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


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (X.reshape(2, 3, 20), r"dim=2 with features of shape \(2, 3, 20\); set dim=1"),
        (X.reshape(2, 60), r"dim=2 with features of shape \(2, 60\); set neck=None, they are pooled already"),
        ((X, X), "takes maps alone, got 2 features together; set neck=None"),
    ],
)
def test_what_to_do_about_features_that_are_no_maps(features, message):
    with pytest.raises(UserError, match=message):
        GlobalAveragePooling().init(jax.random.key(0), (features,))


def test_maps_of_other_channels_are_not_fused():
    maps = tuple(jnp.zeros((1, 8 // 2**i, 8 // 2**i, 4)) for i in range(4))
    with pytest.raises(UserError, match=r"in_channels=\(4, 8, 16, 32\), but the features have \(4, 4, 4, 4\)"):
        jax.eval_shape(HRFuseScales((4, 8, 16, 32)).init, jax.random.key(0), maps)
    with pytest.raises(UserError, match=r"in_channels=\(4, 8\); expected 4 of them"):
        HRFuseScales((4, 8))


def test_several_necks_in_a_list():
    gem, gap = {"type": "GeneralizedMeanPooling"}, {"type": "GlobalAveragePooling"}
    config = {"type": "ImageClassifier", "backbone": {"type": "ResNet", "depth": 18}, "head": {"type": "LinearClsHead"}}
    made = build_classifier({**config, "neck": [gem]})
    images = jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)
    assert jax.eval_shape(made.init, jax.random.key(0), images)["params"]["neck"].keys() == {"0"}  # as in nn.Sequential
    with pytest.raises(UserError, match=r"model.neck\[1\]: 'GAP' is not in"):
        build_classifier({**config, "neck": [gap, {"type": "GAP"}]})
    with pytest.raises(UserError, match=r"model\.neck: expected a dict with a 'type', or a list of them"):
        build_classifier({**config, "neck": "GlobalAveragePooling"})
