"""The rule of ranking is one: in NumPy, under jit, in training and in evaluation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcls import metrics, ranks
from jaxcls.models.heads.cls_head import topk_accuracy

NAN, INF = np.nan, np.inf
ranks_under_jit = jax.jit(lambda scores, labels: ranks.rank_of_label(scores, labels, jnp))
training_accuracy = jax.jit(lambda logits, labels: topk_accuracy(logits, labels, (1, 2, 9)))


@pytest.mark.parametrize(
    ("row", "rank_of_each", "best"),
    [
        ([0.1, 0.7, 0.2], [2, 0, 1], 1),
        ([0.5, 0.5, 0.5], [0, 1, 2], 0),
        ([0.2, 0.4, 0.4], [2, 0, 1], 1),
        ([-INF, 0.0, -INF], [1, 0, 2], 1),  # a logit that masks a class
        ([NAN, NAN, NAN], [ranks.NEVER] * 3, -1),
        ([NAN, 9.0, 1.0], [ranks.NEVER] * 3, -1),
        ([9.0, INF, 1.0], [ranks.NEVER] * 3, -1),
        ([-INF, -INF, -INF], [ranks.NEVER] * 3, -1),
    ],
)
def test_ranks(row, rank_of_each, best):
    scores, labels = np.asarray([row] * 3, np.float32), np.arange(3)
    assert ranks.rank_of_label(scores, labels).tolist() == rank_of_each
    assert ranks_under_jit(scores, labels).tolist() == rank_of_each
    assert ranks.best_class(scores).tolist() == [best] * 3


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), levels=st.sampled_from([1, 3, 10**6]))
def test_training_and_evaluation_count_the_same(seed, levels):
    rng = np.random.default_rng(seed)
    logits = rng.integers(0, levels, (8, 5)).astype(np.float32)
    labels = rng.integers(0, 5, 8)
    trained = training_accuracy(logits, labels)
    evaluated = metrics.accuracy(logits, labels, topk=(1, 2, 9))
    np.testing.assert_allclose([trained[f"top-{k}"] for k in (1, 2, 9)], evaluated, rtol=1e-6)


def test_logits_that_are_not_numbers_are_never_right_in_training():
    logits = np.full((8, 5), NAN, np.float32)
    assert training_accuracy(logits, np.arange(8) % 5) == {"top-1": 0.0, "top-2": 0.0, "top-9": 0.0}
    logits[:4] = np.eye(4, 5)
    assert training_accuracy(logits, np.arange(8) % 5)["top-9"] == 50.0
