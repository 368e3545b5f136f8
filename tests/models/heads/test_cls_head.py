from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcls.errors import UserError
from jaxcls.models.heads import ClsHead, LinearClsHead, MultiLabelClsHead, MultiLabelLinearClsHead
from jaxcls.models.heads.cls_head import topk_accuracy
from jaxcls.models.losses import CrossEntropyLoss

LOGITS = jnp.asarray([[3.0, 1.0, 2.0], [0.0, 5.0, 4.0], [1.0, 2.0, 3.0], [9.0, 0.0, 1.0]])
LABELS = jnp.asarray([0, 2, 2, 1])


def test_accuracy_of_training():
    assert topk_accuracy(LOGITS, LABELS, (1, 2, 5)) == {"top-1": 50.0, "top-2": 75.0, "top-5": 100.0}
    assert topk_accuracy(LOGITS, LABELS, 1, jnp.asarray([1.0, 1.0, 0.0, 0.0])) == {"top-1": 50.0}


def test_the_head_owns_the_loss():
    head = ClsHead(cal_acc=True, topk=(1, 2))
    losses = head.apply({}, LOGITS, LABELS, method="losses")
    assert losses["accuracy"] == {"top-1": 50.0, "top-2": 75.0}
    expected = -np.mean(jax.nn.log_softmax(LOGITS)[np.arange(4), LABELS])
    np.testing.assert_allclose(losses["loss"], expected, rtol=1e-6)


@pytest.mark.parametrize("topk", [0, (1, 2.5), ("1",), True])
def test_numbers_of_classes_that_cannot_be(topk):
    with pytest.raises(UserError, match=r"topk=.*: expected positive integers"):
        ClsHead(topk=topk)


def test_masked_images_do_not_count():
    mask = jnp.asarray([1.0, 1.0, 0.0, 1.0])
    keep = jnp.asarray([0, 1, 3])
    masked = ClsHead().apply({}, LOGITS, LABELS, mask, method="losses")["loss"]
    np.testing.assert_allclose(
        masked, ClsHead().apply({}, LOGITS[keep], LABELS[keep], method="losses")["loss"], rtol=1e-6
    )


def test_linear_head_takes_the_last_feature():
    head = LinearClsHead(num_classes=3, in_channels=4)
    features = (jnp.ones((2, 7)), jnp.ones((2, 4)))
    logits, variables = head.init_with_output(jax.random.key(0), features)
    assert logits.shape == (2, 3)
    assert variables["params"]["fc"]["kernel"].shape == (4, 3)
    with pytest.raises(UserError, match="in_channels=4, but the features have 7"):
        head.init(jax.random.key(0), features[:1])


def test_scores():
    np.testing.assert_allclose(ClsHead().scores(LOGITS).sum(1), 1.0, rtol=1e-6)
    np.testing.assert_allclose(MultiLabelClsHead().scores(LOGITS), jax.nn.sigmoid(LOGITS))


def test_difficult_labels_count_as_there():
    head, loss = MultiLabelLinearClsHead(num_classes=3), CrossEntropyLoss(use_sigmoid=True)
    labels = jnp.asarray([[1.0, -1.0, 0.0]] * 4)
    given = head.apply({}, LOGITS, labels, method="losses")["loss"]
    np.testing.assert_allclose(given, loss(LOGITS, jnp.abs(labels), avg_factor=4), rtol=1e-6)


def test_accuracy_of_soft_labels_is_refused():
    with pytest.raises(UserError, match="cal_acc=True needs integer labels"):
        ClsHead(cal_acc=True).apply({}, LOGITS, jnp.eye(4, 3), method="losses")
