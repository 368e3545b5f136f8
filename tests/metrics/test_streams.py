"""Any split into batches gives the numbers of the whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcls.errors import UserError
from jaxcls.metrics import METRIC_NAMES, build_metrics
from jaxcls.metrics.build import metric_names

SUMS = ("log_loss", "brier_score", "calibration_error")  # of float64: equal to rounding


def whole(names, options, scores, labels):
    """The results of all samples at once."""
    results = {}
    for metric in build_metrics(names, options):
        metric.update(scores, labels)
        results |= metric.compute()
    return results


def streamed(names, options, scores, labels, cuts, order):
    """The results from batches, each counted alone and merged in another order."""
    batches = list(zip(np.split(scores, cuts), np.split(labels, cuts), strict=True))
    results = {}
    for total, *parts in zip(*(build_metrics(names, options) for _ in range(len(batches) + 1)), strict=True):
        for part, batch in zip(parts, batches, strict=True):
            part.update(*batch)
        for i in order(len(parts)):
            total.merge(parts[i].state)
        results |= total.compute()
    return results


@settings(max_examples=30, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1), tied=st.booleans(), multi_label=st.booleans())
def test_any_split_and_order_gives_exactly_the_numbers_of_the_whole(data, seed, tied, multi_label):
    rng = np.random.default_rng(seed)
    samples, classes = int(rng.integers(1, 40)), int(rng.integers(1, 8))
    scores = rng.random((samples, classes), np.float32)
    scores = np.round(scores, 1) if tied else scores
    cuts = sorted(data.draw(st.lists(st.integers(0, samples), max_size=5)))
    labels = rng.integers(-1, 2, (samples, classes)) if multi_label else rng.integers(0, classes, samples)
    options = {"k": 2} if multi_label else {"thrs": (0.0, 0.5)}
    names = metric_names(multi_label)
    actual = streamed(names, options, scores, labels, cuts, lambda n: data.draw(st.permutations(range(n))))
    expected = whole(names, options, scores, labels)
    assert list(actual) == list(expected)
    for name, value in expected.items():
        if name in SUMS:
            np.testing.assert_allclose(actual[name], value, rtol=1e-12)
        else:
            np.testing.assert_array_equal(actual[name], value)


@pytest.mark.parametrize("name", METRIC_NAMES)
def test_no_samples_give_no_numbers(name):
    (metric,) = build_metrics(name)
    metric.update(np.ones((0, 3)), np.ones(0, int))
    with pytest.raises(UserError, match="no samples"):
        metric.compute()


def test_what_is_kept_of_a_batch_is_not_copied():
    scores, (metric,) = np.ones((4, 3), np.float32), build_metrics("mAP")
    metric.update(scores, np.eye(4, 3, dtype=int))
    assert metric.state["scores"][0] is scores
