"""Several batches of a test are views of the same images."""

from __future__ import annotations

from functools import partial

import jax
import numpy as np
import pytest

from jaxcls.errors import UserError
from jaxcls.models import build_classifier
from tests.engine import tiny

Y = np.random.default_rng(0).standard_normal((2, 16, 16, 1)).astype(np.float32)


def softmax(logits):
    powers = np.exp(np.float64(logits))
    return powers / powers.sum(-1, keepdims=True)


VIEWS = [Y, Y[:, :, ::-1], Y[:, :12, 2:10], Y[:, ::-1]]


@pytest.mark.parametrize("head", ["LinearClsHead", "MultiLabelLinearClsHead"])
def test_several_batches_are_views_of_the_same_images(head):
    classifier = build_classifier(tiny.model() | {"head": {"type": head, "num_classes": 5, "in_channels": 16}})
    variables = jax.jit(classifier.init)(jax.random.key(0), Y)
    variables = jax.tree.map(lambda leaf: leaf * 100 if leaf.shape == (16, 5) else leaf, variables)  # the head's
    probabilities = softmax if head == "LinearClsHead" else lambda logits: 1 / (1 + np.exp(-np.float64(logits)))
    apply = partial(classifier.apply, variables, method="forward_test")
    run = jax.jit(apply, static_argnames="average")
    plain = jax.jit(classifier.apply)
    logits = [np.asarray(plain(variables, view)) for view in VIEWS]
    one = probabilities(logits[0])
    np.testing.assert_allclose(run(Y), one, atol=1e-6)
    np.testing.assert_allclose(run([Y]), one, atol=1e-6)
    after, before = np.mean([probabilities(each) for each in logits], 0), probabilities(np.mean(logits, 0))
    assert np.abs(after - before).max() > 1e-5
    np.testing.assert_allclose(run(VIEWS), after, atol=1e-6)
    np.testing.assert_allclose(run(VIEWS, average="logits"), before, atol=1e-6)
    labels, mask = (np.asarray([[0, 1, 0, 0, 1]] * 2) if "Multi" in head else np.asarray([0, 4])), np.asarray([1.0, 0])
    evaluate = jax.jit(partial(classifier.apply, method="evaluate"))
    scores, losses = evaluate(variables, VIEWS, labels, mask)
    np.testing.assert_allclose(scores, after, atol=1e-6)
    expected = classifier.apply(variables, np.mean(logits, 0), labels, mask, method=lambda m, *a: m.head.losses(*a))
    np.testing.assert_allclose(losses["loss"], expected["loss"], rtol=1e-5)
    for batches, message in (([], r"views of \[\] images"), ([Y, Y[:1]], r"views of \[2, 1\] images")):
        with pytest.raises(UserError, match=message):
            run(batches)
    with pytest.raises(UserError, match="average='mean'; Allowed: logits, scores"):
        run(VIEWS, average="mean")
