"""Each metric equals scikit-learn's to 1e-9, on random and on degenerate inputs."""

import warnings

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from jaxcls.metrics import METRIC_NAMES, build_metrics
from jaxcls.metrics.build import metric_names

SEEDS = st.integers(0, 2**32 - 1)


def compute(name, scores, labels, **options):
    (metric,) = build_metrics(name, options)
    half = len(scores) // 2
    metric.update(scores[:half], labels[:half])
    metric.update(scores[half:], labels[half:])
    return metric.compute()


def assert_equal(actual, expected):
    values = np.concatenate([np.ravel(value) for value in actual.values()])
    np.testing.assert_allclose(values, np.ravel(expected), rtol=0, atol=1e-9)


def one_against_rest(function, scores, labels, average):
    positive = labels if labels.ndim == 2 else np.arange(scores.shape[1]) == labels[:, None]
    return 100 * function(positive.astype(int), scores, average=average)


def calibration_error(scores, labels, bins):
    confidence, right = scores.max(axis=1), scores.argmax(axis=1) == labels
    accuracies, means = calibration_curve(right, confidence, n_bins=bins)
    counts = np.histogram(np.ceil(confidence * bins - 1e-12), np.arange(bins + 1) + 0.5)[0]
    return 100 * np.abs(accuracies - means) @ counts[counts > 0] / len(labels)


def rates(labels, predicted, classes, average):
    return [
        100 * np.asarray(value)
        for value in sk.precision_recall_fscore_support(
            labels, predicted, labels=range(classes), average=average, zero_division=0
        )[:3]
    ]


# name -> its numbers by scikit-learn, from scores, labels, their best classes and K
SINGLE = {
    "accuracy": lambda s, y, p, k: 100 * np.mean(y == p),
    "support": lambda s, y, p, k: np.bincount(y, minlength=k),
    "precision": lambda s, y, p, k: rates(y, p, k, "macro")[0],
    "recall": lambda s, y, p, k: rates(y, p, k, None)[1],
    "f1_score": lambda s, y, p, k: rates(y, p, k, None)[2],
    "balanced_accuracy": lambda s, y, p, k: 100 * sk.balanced_accuracy_score(y, p),
    "class_accuracy": lambda s, y, p, k: (
        100 * sk.recall_score(y, p, labels=range(k), average=None, zero_division=np.nan)
    ),
    "cohen_kappa": lambda s, y, p, k: sk.cohen_kappa_score(y, p, labels=range(k)),
    "matthews": lambda s, y, p, k: sk.matthews_corrcoef(y, p),
    "log_loss": lambda s, y, p, k: sk.log_loss(y, s, labels=range(k)),
    "brier_score": lambda s, y, p, k: sk.brier_score_loss(y, s, labels=range(k), scale_by_half=False),
    "calibration_error": lambda s, y, p, k: calibration_error(s, y, 10),
    "roc_auc": lambda s, y, p, k: [
        one_against_rest(sk.roc_auc_score, s, y, average) for average in ("macro", "weighted")
    ],
    "average_precision": lambda s, y, p, k: one_against_rest(sk.average_precision_score, s, y, None),
    "confusion_matrix": lambda s, y, p, k: sk.confusion_matrix(y, p, labels=range(k)),
}
OPTIONS = {
    "accuracy": {"topk": 1},
    "support": {"average_mode": "none"},
    "recall": {"average_mode": "none"},
    "f1_score": {"average_mode": "none"},
    "calibration_error": {"bins": 10},
}


def single_label_data(seed, tied, samples=None):
    """Probabilities and labels; some classes may have no samples, some none that is predicted."""
    rng = np.random.default_rng(seed)
    samples, classes = samples or int(rng.integers(1, 30)), int(rng.integers(2, 7))
    shares = rng.dirichlet(np.full(classes, 0.5), samples)
    scores = np.stack([rng.multinomial(4, row) / 4 for row in shares]) if tied else shares
    return scores, rng.choice(classes, samples, p=rng.dirichlet(np.full(classes, 0.5)))


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, tied=st.booleans(), samples=st.sampled_from([None, None, 1]))
def test_one_label_an_image(seed, tied, samples):
    scores, labels = single_label_data(seed, tied, samples)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is not defined
        for name, expected in SINGLE.items():
            values = expected(scores, labels, scores.argmax(axis=1), scores.shape[1])
            assert_equal(compute(name, scores, labels, **OPTIONS.get(name, {})), values)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, k=st.integers(1, 8), tied=st.booleans())
def test_top_k(seed, k, tied):
    scores, labels = single_label_data(seed, tied)
    # It ranks the higher class first where scores tie, and takes two classes for another task.
    untied = -np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1)
    untied = np.concatenate([untied, untied - 99], axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a k that is as large as K
        expected = sk.top_k_accuracy_score(labels, untied, k=k, labels=range(untied.shape[1]))
    assert_equal(compute("accuracy", scores, labels, topk=(k,)), 100 * expected)


def f1_of_each(y, p, average=None):
    return 100 * sk.f1_score(y, p, average=average, zero_division=0)


def best_f1(scores, labels):
    """The best F1 of each class over all thresholds."""
    found = []
    for s, y in zip(scores.T, labels.T, strict=True):
        precision, recall, _ = sk.precision_recall_curve(y, s)
        found.append(np.nan_to_num(200 * precision * recall / (precision + recall)).max() if y.any() else 0.0)
    return found


# name -> its numbers by scikit-learn, from scores, labels and the predicted classes
MULTI = {
    "mAP": lambda s, y, p: one_against_rest(sk.average_precision_score, s, y, "macro"),
    "CP": lambda s, y, p: 100 * sk.precision_score(y, p, average="macro", zero_division=0),
    "CR": lambda s, y, p: 100 * sk.recall_score(y, p, average="macro", zero_division=0),
    "OP": lambda s, y, p: 100 * sk.precision_score(y, p, average="micro", zero_division=0),
    "OR": lambda s, y, p: 100 * sk.recall_score(y, p, average="micro", zero_division=0),
    "OF1": lambda s, y, p: f1_of_each(y, p, "micro"),
    "class_precision": lambda s, y, p: 100 * sk.precision_score(y, p, average=None, zero_division=0),
    "class_recall": lambda s, y, p: 100 * sk.recall_score(y, p, average=None, zero_division=0),
    "class_f1_score": lambda s, y, p: f1_of_each(y, p),
    "hamming_loss": lambda s, y, p: 100 * sk.hamming_loss(y, p),
    "subset_accuracy": lambda s, y, p: 100 * sk.accuracy_score(y, p),
    "roc_auc": lambda s, y, p: [one_against_rest(sk.roc_auc_score, s, y, average) for average in ("macro", "weighted")],
    "average_precision": lambda s, y, p: one_against_rest(sk.average_precision_score, s, y, None),
}


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, tied=st.booleans(), samples=st.sampled_from([None, None, 1]))
def test_several_labels_an_image(seed, tied, samples):
    rng = np.random.default_rng(seed)
    shape = samples or int(rng.integers(1, 30)), int(rng.integers(2, 7))
    scores = rng.integers(0, 5, shape) / 4 if tied else rng.random(shape)
    labels = (rng.random(shape) < rng.random(shape[1]) * 0.7).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is not defined
        for name, expected in MULTI.items():
            thr = {"thr": 0.25} if "thr" in build_metrics(name)[0].options() else {}
            assert_equal(compute(name, scores, labels, **thr), expected(scores, labels, (scores >= 0.25).astype(int)))
        chosen = list(compute("best_thr", scores, labels).values())
        np.testing.assert_allclose(
            f1_of_each(labels, (scores >= chosen).astype(int)), best_f1(scores, labels), atol=1e-9
        )


def test_one_positive_in_all_weighs_as_one():
    scores, labels = np.asarray([[0.1, 0.6], [0.5, 0.2], [0.3, 0.4]]), np.asarray([[0, 0], [0, 0], [1, 0]])
    assert compute("roc_auc", scores, labels)["roc_auc_weighted"] == pytest.approx(50.0)


def test_every_metric_is_compared():
    assert {*SINGLE, *MULTI, "CF1", "best_thr"} == set(METRIC_NAMES)
    assert set(SINGLE) == set(metric_names(multi_label=False))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", METRIC_NAMES)
def test_one_score_that_is_not_finite_leaves_no_number(name, bad):
    scores = np.random.default_rng(0).dirichlet(np.ones(3), 6)
    labels = np.arange(6) % 3 if name in SINGLE else np.eye(6, 3, dtype=int)
    scores[4, 1] = bad
    values = np.concatenate([np.ravel(value) for value in compute(name, scores, labels).values()])
    assert (values == 6).all() if name == "support" else np.isnan(values).all()
