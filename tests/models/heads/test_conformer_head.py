from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcls.errors import UserError
from jaxcls.models.heads import ConformerHead

RNG = np.random.default_rng(0)
FEATURES = ("an earlier block's", tuple(RNG.standard_normal((4, width), np.float32) for width in (6, 3)))
HEAD = ConformerHead(num_classes=5, in_channels=(6, 3), cal_acc=True)
PARAMS = {
    name: {"kernel": RNG.standard_normal((width, 5), np.float32), "bias": RNG.standard_normal(5, np.float32)}
    for name, width in (("conv_cls_head", 6), ("trans_cls_head", 3))
}


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def test_both_branches_learn_and_their_sum_is_scored():
    logits = HEAD.apply({"params": PARAMS}, FEATURES)
    expected = [x @ PARAMS[name]["kernel"] + PARAMS[name]["bias"] for x, name in zip(FEATURES[-1], PARAMS, strict=True)]
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)
    scores = HEAD.apply({"params": PARAMS}, logits, method="scores")
    np.testing.assert_allclose(scores, np.exp(log_softmax(sum(expected))), rtol=1e-5)

    label, mask = np.array([0, 1, 4, 2]), jnp.array([1.0, 1.0, 1.0, 0.0])
    losses = HEAD.apply({"params": PARAMS}, logits, label, mask, method="losses")
    each = [-log_softmax(branch)[np.arange(3), label[:3]].mean() for branch in expected]
    np.testing.assert_allclose(losses["loss"], np.mean(each), rtol=1e-5)
    right = (sum(expected)[:3].argmax(-1) == label[:3]).mean()
    np.testing.assert_allclose(losses["accuracy"]["top-1"], 100 * right, rtol=1e-5)


@pytest.mark.parametrize("features", [FEATURES[-1][:1], (FEATURES[-1][::-1],), (np.zeros((4, 6), np.float32),)])
def test_features_that_are_no_pair_are_refused(features):
    with pytest.raises(UserError, match=r"ConformerHead: needs a pair of features of in_channels=\(6, 3\), got"):
        jax.eval_shape(HEAD.init, jax.random.key(0), features)
