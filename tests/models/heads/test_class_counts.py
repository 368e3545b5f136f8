"""SeesawLoss: what it counts is in the train state, summed over the devices."""

from __future__ import annotations

import jax
import numpy as np
import optax
import pytest

import jaxcls
from jaxcls.convert import convert_state_dict, export_state_dict
from jaxcls.engine.step.parallel import Parallel
from jaxcls.errors import UserError
from jaxcls.models import build_classifier, build_loss

LOSS = {"type": "SeesawLoss", "num_classes": 4}
MODEL = {
    "type": "ImageClassifier",
    "backbone": {"type": "LeNet5"},
    "neck": {"type": "GlobalAveragePooling"},
    "head": {"type": "LinearClsHead", "num_classes": 4, "in_channels": 120, "loss": LOSS},
}
IMAGES = np.random.default_rng(0).standard_normal((8, 32, 32, 1)).astype(np.float32)
LABELS = np.array([0, 0, 0, 1, 1, 2, 0, 0], np.int32)


def counts_after(devices, batches=2):
    made, tx = build_classifier(MODEL), optax.sgd(0.1)
    variables = made.init(jax.random.key(0), IMAGES[:1])
    step = jaxcls.make_train_step(made, tx, parallel=Parallel(devices=jax.devices()[:devices]))
    state = jaxcls.create_train_state(variables, tx)
    losses = []
    for _ in range(batches):
        state, log_vars = step(state, {"image": IMAGES, "label": LABELS}, jax.random.key(0))
        losses.append(float(log_vars["loss"]))
    return made, jax.device_get({"params": state.params, "batch_stats": state.batch_stats}), losses


def test_counts_are_summed_over_devices_and_kept_in_evaluation():
    made, variables, losses = counts_after(1)
    _, several, same = counts_after(2)
    (counts,) = jax.tree.leaves(variables["batch_stats"])
    np.testing.assert_array_equal(counts, [10, 4, 2, 0])
    np.testing.assert_array_equal(counts, *jax.tree.leaves(several["batch_stats"]))
    np.testing.assert_allclose(losses, same, rtol=1e-4)
    _, evaluated = made.apply(variables, IMAGES, LABELS, method="evaluate")
    expected = build_loss(LOSS)(made.apply(variables, IMAGES), LABELS, avg_factor=8, class_counts=counts)
    np.testing.assert_allclose(evaluated["loss"], expected, rtol=1e-6)


def test_the_counts_have_the_original_s_name():
    made, variables, _ = counts_after(1, batches=1)
    exported = export_state_dict(made, variables)
    np.testing.assert_array_equal(exported["head.compute_loss.cum_samples"], [5, 2, 1, 0])
    back = convert_state_dict(made, exported, (32, 32, 1))
    assert jax.tree.all(jax.tree.map(np.array_equal, back, variables))


def test_messages():
    with pytest.raises(UserError, match="num_classes is 1000, but cls_score has 4 classes"):
        build_loss({"type": "SeesawLoss"})(np.zeros((2, 4)), np.zeros(2, np.int32))
    with pytest.raises(UserError, match=r"label has shape \(2, 4\), expected class indices"):
        build_loss(LOSS)(np.zeros((2, 4)), np.zeros((2, 4)))
    with pytest.raises(UserError, match="over softmax only"):
        build_loss({**LOSS, "use_sigmoid": True})
