from __future__ import annotations

import jax
import numpy as np
import pytest

from jaxcls.errors import UserError
from jaxcls.models.heads import EfficientFormerClsHead

X = np.random.default_rng(0).standard_normal((4, 6), np.float32)


def test_logits_are_the_mean_of_two_layers_which_need_a_teacher():
    head = EfficientFormerClsHead(num_classes=5, in_channels=6)
    params = {"head": {"kernel": np.eye(6, 5), "bias": np.ones(5)}, "dist_head": {"kernel": np.zeros((6, 5))}}
    params["dist_head"]["bias"] = np.full(5, 3.0)
    params = jax.tree.map(np.float32, params)
    np.testing.assert_allclose(head.apply({"params": params}, (X,)), (X[:, :5] + 1 + 3) / 2, rtol=1e-6)
    of_labels, of_teacher = head.apply({"params": params}, (X,), True, method="student_logits")
    np.testing.assert_allclose(of_labels, X[:, :5] + 1, rtol=1e-6)
    np.testing.assert_array_equal(of_teacher, 3)
    with pytest.raises(UserError, match=r"distillation=True needs a teacher: give model\.train_cfg"):
        head.apply({"params": params}, (X,), True)


def test_without_distillation_it_is_one_layer():
    head = EfficientFormerClsHead(num_classes=5, in_channels=6, distillation=False)
    params = head.init(jax.random.key(0), (X,), True)["params"]
    assert params.keys() == {"head"}
