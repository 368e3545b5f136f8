"""Merged branches and folded norms give the same logits."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import jaxcls
from jaxcls.models.layers import BatchNorm
from tests.models.families import FAMILIES, classifier, images
from tests.models.filled import filled

FAST = ("RepVGG", "RepMLPNet", "ResNet_CIFAR", "DenseNet", "LeNet5")
AFTER_ACTIVATIONS = ("ConvMixer",)  # where all norms are, so that no convolution can take one


@pytest.mark.parametrize(
    "name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in FAMILIES]
)
def test_logits_stay(name):
    made, data = classifier(name), images(name, 4)
    variables = filled(made, data)
    deployed, fewer = jaxcls.deploy(made, variables, data.shape[1:])
    expected, found = (jax.jit(m.apply)(v, data) for m, v in ((made, variables), (deployed, fewer)))
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()
    before, after = (len(jax.tree.leaves(v.get("batch_stats", {}))) // 2 for v in (variables, fewer))
    assert (after < before) == (before > 0 and name not in AFTER_ACTIVATIONS)


@pytest.mark.parametrize(("name", "left"), [("ResNet_CIFAR", 0), ("RepVGG", 0), ("RepMLPNet", 5), ("DenseNet", 5)])
def test_which_norms_are_left(name, left):
    """Those that do not follow a convolution: RepMLP's and DenseNet's before their layers."""
    made, data = classifier(name), images(name, 1)
    deployed, fewer = jaxcls.deploy(made, filled(made, data))
    assert len(jax.tree.leaves(fewer["batch_stats"])) // 2 == left
    assert not any(isinstance(m, BatchNorm) for m in vars(deployed).values())

    @jax.jit
    def scores_of_one_and_of_several(variables):
        scores, _ = deployed.apply(variables, data, np.zeros(1, np.int32), method="evaluate")
        return scores, deployed.apply(variables, [data, data], method="forward_test")

    scores, several = scores_of_one_and_of_several(fewer)
    assert scores.shape == (1, 8)
    np.testing.assert_allclose(several, scores, atol=1e-6)
