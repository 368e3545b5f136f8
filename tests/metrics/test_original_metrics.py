"""The original's metrics: its numbers, its names, and what it leaves open."""

import json
from pathlib import Path

import numpy as np
import pytest

from jaxcls import metrics
from jaxcls.errors import UserError
from jaxcls.metrics import build_metrics

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/semantics/metrics.json").read_text())
SINGLE, MULTI = GOLDEN["single"], GOLDEN["multi"]
SCORES, TARGET = np.asarray(GOLDEN["scores"]), np.asarray(GOLDEN["target"])
MULTI_SCORES, MULTI_TARGET = np.asarray(GOLDEN["multilabel_scores"]), np.asarray(GOLDEN["multilabel_target"])


def golden_target_with_difficult():
    """The marks -1 that the golden mAP was measured with.

    The original's `average_performance` overwrites them by 0 in the caller's array, and so they are lost in the file;
    the seed that drew them is the one that drew the file's scores.
    """
    rng = np.random.default_rng(7)
    rng.random(7005)
    difficult = rng.random(MULTI_TARGET.shape) < 0.03
    np.testing.assert_allclose(np.round(rng.random(MULTI_TARGET.shape), 6) * 0.6 + 0.4 * MULTI_TARGET, MULTI_SCORES)
    return np.where(difficult, -1, MULTI_TARGET)


def test_accuracy_is_the_original_s():
    np.testing.assert_allclose(metrics.accuracy(SCORES, TARGET, topk=(1, 5)), np.ravel(SINGLE["accuracy topk=(1,5)"]))
    expected = np.reshape(SINGLE["accuracy topk=(1,3) thrs=(0.0,0.5)"], (2, 2))
    np.testing.assert_allclose(metrics.accuracy(SCORES, TARGET, topk=(1, 3), thrs=(0.0, 0.5)), expected)
    assert metrics.accuracy(SCORES, TARGET) == expected[0, 0]


@pytest.mark.parametrize("mode", ["macro", "none"])
def test_precision_recall_f1_and_support_are_the_original_s(mode):
    for thr in (0.0, 0.6):
        expected = SINGLE[f"precision,recall,f1_score average_mode={mode} thrs={thr}"]
        actual = metrics.precision_recall_f1(SCORES, TARGET, average_mode=mode, thrs=thr)
        np.testing.assert_allclose(actual, expected, rtol=1e-12)
    np.testing.assert_array_equal(metrics.support(SCORES, TARGET, mode), SINGLE[f"support average_mode={mode}"])


def test_mean_average_precision_is_the_original_s_with_difficult_labels():
    assert metrics.mAP(MULTI_SCORES, golden_target_with_difficult()) == pytest.approx(MULTI["mAP"], rel=1e-12)


@pytest.mark.parametrize("options", [{"thr": 0.5}, {"k": 3}, {"thr": 0.3}], ids=str)
def test_average_performance_is_the_original_s_and_leaves_the_target_alone(options):
    target = golden_target_with_difficult()
    actual = metrics.average_performance(MULTI_SCORES, target, **options)
    np.testing.assert_allclose(actual, MULTI[f"CP,CR,CF1,OP,OR,OF1 {options}"], rtol=1e-12)
    assert (target == -1).any()


def test_more_classes_than_there_are_count_as_all():
    scores = np.asarray([[0.2, 0.8], [0.7, 0.3]])
    np.testing.assert_array_equal(metrics.accuracy(scores, np.asarray([0, 0]), topk=(1, 5)), [50, 100])
    assert metrics.average_performance(scores, np.asarray([[1, 0], [0, 1]]), k=9)[4] == 100
    (accuracy,) = build_metrics("accuracy")
    accuracy.update(scores, np.asarray([0, 0]))
    assert accuracy.compute() == {"accuracy_top-1": 50.0, "accuracy_top-5": 100.0}


def test_labels_may_be_a_column():
    assert metrics.accuracy(SCORES, TARGET[:, None]) == metrics.accuracy(SCORES, TARGET)


def test_tied_scores_rank_the_lower_class_first():
    scores, labels = np.full((4, 4), 0.25), np.arange(4)
    np.testing.assert_array_equal(metrics.accuracy(scores, labels, topk=(1, 2, 3)), [25, 50, 75])
    assert metrics.confusion_matrix(scores, labels, 4)[:, 0].tolist() == [1, 1, 1, 1]
    right = metrics.average_performance(scores, np.eye(4, dtype=int), k=1)
    assert right[:2] == (25 / 4, 25)


def test_without_a_threshold_no_score_is_too_low():
    scores, labels = np.asarray([[1.0, 0.0, 0.0]]), np.asarray([2])  # the softmax of a confident network
    assert metrics.accuracy(scores, labels, topk=(1, 3)).tolist() == [0, 100]
    assert metrics.accuracy(scores, labels, topk=(1, 3), thrs=0.0).tolist() == [0, 0]


def test_thresholds_are_exceeded_for_one_label_and_reached_for_several():
    assert metrics.accuracy(np.asarray([[0.5, 0.5]]), np.asarray([0]), thrs=(0.4, 0.5)).tolist() == [100, 0]
    exact = metrics.precision_recall_f1(np.asarray([[0.5, 0.5]]), np.asarray([0]), "none", thrs=(0.4, 0.5))
    assert [precision[0] for precision in exact[0]] == [100, 0]
    assert metrics.average_performance(np.asarray([[0.5, 0.2]]), np.asarray([[1, 0]]))[3] == 100


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_give_no_numbers(bad):
    scores, labels = np.asarray([[bad, 0.2], [0.9, 0.1]]), np.asarray([0, 0])
    assert np.isnan(metrics.accuracy(scores, labels, topk=(1, 2), thrs=(0.0, 0.5))).tolist() == [[True] * 2] * 2
    assert np.isnan(metrics.precision_recall_f1(scores, labels, "none")).all()
    assert np.isnan(metrics.confusion_matrix(scores, labels, 2)).all()
    assert np.isnan([metrics.mAP(scores, np.eye(2, dtype=int)), metrics.average_precision(scores[:, 0], labels)]).all()
    assert np.isnan(metrics.average_performance(scores, np.eye(2, dtype=int))).all()
    assert metrics.support(scores, labels) == 2


def test_confusion_matrix_has_a_row_for_each_true_class():
    expected = [[1, 1, 0], [0, 0, 1], [0, 0, 0]]
    predicted = np.asarray([0, 1, 2])
    np.testing.assert_array_equal(metrics.confusion_matrix(predicted, np.asarray([0, 0, 1]), 3), expected)
    np.testing.assert_array_equal(metrics.confusion_matrix(np.eye(3), np.asarray([0, 0, 1]), 3), expected)


def test_results_have_the_original_s_names():
    names = ["precision", "support", "accuracy"]
    results = results_of(names, {"topk": [1, 3], "thrs": [0.0, 0.5]}, SCORES, TARGET)
    keys = [f"{name}_thr_{thr}" for name in ("accuracy_top-1", "accuracy_top-3") for thr in ("0.00", "0.50")]
    assert list(results) == [*keys, "support", "precision_thr_0.00", "precision_thr_0.50"]
    assert results["accuracy_top-3_thr_0.00"] == 70.0
    assert list(results_of("accuracy", {"topk": 1}, SCORES, TARGET)) == ["accuracy"]
    per_class = results_of("recall", {"average_mode": "none"}, SCORES, TARGET)["recall"]
    np.testing.assert_array_equal(per_class, metrics.precision_recall_f1(SCORES, TARGET, "none")[1])
    assert list(results_of(["OF1", "mAP", "CP"], {"k": 3}, MULTI_SCORES, MULTI_TARGET)) == ["mAP", "CP", "OF1"]


def results_of(names, options, scores, labels):
    results = {}
    for metric in build_metrics(names, options):
        metric.update(scores, labels)
        results |= metric.compute()
    return results


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        (np.ones((0, 3)), np.ones(0, int), r"scores have shape \(0, 3\)"),
        (np.ones((2, 3)), np.asarray([0, 3]), "reach from 0 to 3, but there are 3 classes"),
        (np.ones((2, 3)), np.asarray([0, 1, 2]), "expected 2 class indices"),
        (np.ones((2, 3)), np.eye(2, 3, dtype=int), "expected 2 class indices"),
        (np.ones(3), np.asarray([0, 1, 2]), r"scores have shape \(3,\)"),
    ],
)
def test_accuracy_refuses_what_does_not_fit(scores, labels, message):
    with pytest.raises(UserError, match=message):
        metrics.accuracy(scores, labels)


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0]])
def test_confusion_matrix_refuses_classes_that_are_not_there(labels):
    with pytest.raises(UserError, match=f"a label is {labels[0]} or {labels[1]}, outside the 3 classes"):
        metrics.confusion_matrix(np.eye(3)[:2], np.asarray(labels), 3)
    with pytest.raises(UserError, match=f"a prediction is {labels[0]} or {labels[1]}, outside the 3 classes"):
        metrics.confusion_matrix(np.asarray(labels), np.asarray([0, 1]), 3)
    with pytest.raises(UserError, match="3 predictions, but 2 labels"):
        metrics.confusion_matrix(np.eye(3), np.asarray([0, 1]), 3)


def test_an_unknown_average_is_refused():
    with pytest.raises(UserError, match="average_mode: 'micro' is not one of macro, none"):
        metrics.precision_recall_f1(SCORES, TARGET, "micro")


def test_multi_label_metrics_refuse_what_does_not_fit():
    with pytest.raises(UserError, match=r"labels have shape \(2,\)"):
        metrics.mAP(np.ones((2, 3)), np.asarray([0, 1]))
    with pytest.raises(UserError, match="got others"):
        metrics.mAP(np.ones((2, 3)), np.full((2, 3), 2))


def test_no_samples_give_no_numbers():
    (accuracy,) = build_metrics("accuracy")
    accuracy.update(np.ones((0, 3)), np.ones(0, int))
    with pytest.raises(UserError, match="no samples"):
        accuracy.compute()
