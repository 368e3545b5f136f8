"""Names and options of metrics, and what their numbers are called."""

from pathlib import Path

import numpy as np
import pytest

from jaxcls.errors import UserError
from jaxcls.metrics import METRIC_NAMES, Number, build_metrics, default_metric
from jaxcls.metrics.build import markdown, metric_names

CLASSES = ("cat", "dog", "emu")
OPTIONS = (
    {},
    {"topk": 2, "thrs": 0.5},
    {"topk": (1, 3), "thrs": (0.0, 0.5)},
    {"average_mode": "none", "thrs": (0.25, 0.5)},
    {"thr": (0.25, 0.5)},
    {"thr": {"emu": 0.5, "dog": 0.25, "cat": 0.75}},
    {"k": 2, "bins": 3},
)


@pytest.mark.parametrize("multi_label", [False, True])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_numbers_are_declared_before_the_first_sample(options, multi_label):
    names = metric_names(multi_label)
    taken = {key for name in names for key in build_metrics(name)[0].options()}
    options = {key: value for key, value in options.items() if key in taken}
    scores = np.random.default_rng(0).dirichlet(np.ones(3), 8)
    labels = np.eye(8, 3, dtype=int) if multi_label else np.arange(8) % 3
    for metric in build_metrics(names, options, multi_label=multi_label, classes=CLASSES):
        declared = metric.numbers
        metric.update(scores, labels)
        results = metric.compute()
        assert [number.name for number in declared] == list(results)
        assert [number.scalar for number in declared] == [np.ndim(value) == 0 for value in results.values()]


def numbers(name, scores, labels, **options):
    (metric,) = build_metrics(name, options, classes=CLASSES)
    metric.update(np.asarray(scores), np.asarray(labels))
    return metric.compute()


def test_numbers_by_class_carry_its_name():
    assert numbers("class_accuracy", np.eye(3)[[0, 1, 1]], [0, 1, 0], thrs=None) == {
        "class_accuracy/cat": 50.0,
        "class_accuracy/dog": 100.0,
        "class_accuracy/emu": pytest.approx(np.nan, nan_ok=True),
    }
    scores, labels = [[0.2, 0.6, 0.3]], [[1, 1, 0]]
    assert list(numbers("class_recall", scores, labels, thr=(0.1, 0.5))) == [
        f"class_recall_thr_{thr}/{name}" for thr in ("0.10", "0.50") for name in CLASSES
    ]
    own = {"cat": 0.2, "dog": 0.7, "emu": 0.5}
    assert list(numbers("class_recall", scores, labels, thr=own).values()) == [100.0, 0.0, 0.0]
    assert numbers("CR", scores, labels, thr=(0.1, 0.5)) == {"CR_thr_0.10": 200 / 3, "CR_thr_0.50": 100 / 3}


def test_thresholds_that_two_places_do_not_tell_apart():
    found = numbers("accuracy", np.eye(3), [0, 1, 2], topk=1, thrs=(0.001, 0.002))
    assert found == {"accuracy_thr_0.001": 100.0, "accuracy_thr_0.002": 100.0}


def test_chosen_thresholds_serve_as_thresholds():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (40, 3))
    scores = np.round(np.clip(0.3 * labels + 0.7 * rng.random((40, 3)), 0, 1), 3)
    chosen = {
        name.removeprefix("best_thr/"): round(thr, 5) for name, thr in numbers("best_thr", scores, labels).items()
    }
    best = numbers("class_f1_score", scores, labels, thr=chosen).values()
    for thr in np.linspace(0, 1, 50):
        others = numbers("class_f1_score", scores, labels, thr=float(thr)).values()
        assert all(one >= other for one, other in zip(best, others, strict=True))


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        ("acuracy", None, "metric: 'acuracy' is unknown; did you mean 'accuracy'"),
        ([], None, "metric: expected one name or several; Allowed: CF1"),
        (["accuracy", "mAP"], None, "not a mix"),
        (["acuracy", "mapp"], None, "'acuracy' is unknown.*'mapp' is unknown; did you mean 'mAP'"),
        ("accuracy", {"top_k": 1}, "metric_options.top_k is unknown.*did you mean 'topk'"),
        ("accuracy", {"thr": 0.5}, "metric_options.thr is unknown.*did you mean 'thrs'"),
        ("accuracy", {"average_mode": "none"}, "metric_options.average_mode is unknown for these metrics; .*topk"),
        ("mAP", {"topk": 1}, "metric_options.topk is unknown for these metrics; there is none"),
        ("acuracy", {"topk": 1, "thrs": 2}, "'acuracy' is unknown.*support; metric_options.thrs: expected"),
        ("accuracy", {"topk": (1, 0)}, r"topk: expected positive integers.*got \(1, 0\)"),
        ("accuracy", {"topk": (1, 2.5)}, "positive integers"),
        ("accuracy", {"topk": True}, "positive integers"),
        ("accuracy", {"topk": ()}, "positive integers"),
        ("accuracy", {"topk": "5"}, "positive integers"),
        ("accuracy", {"topk": (1, 1)}, "different ones"),
        ("accuracy", {"thrs": "high"}, "expected numbers from 0 to 1"),
        ("accuracy", {"thrs": 1.5}, "expected numbers from 0 to 1"),
        ("accuracy", {"thrs": (0.5, float("nan"))}, "expected numbers from 0 to 1"),
        ("CP", {"thr": -0.1}, "thr: expected numbers from 0 to 1"),
        ("CP", {"thr": {"cat": 2}}, "thr: cat: expected a number from 0 to 1, got 2; .*no threshold for dog, emu"),
        ("CP", {"thr": {"cat": 0, "dgo": 0.5, "emu": 1}}, "no class 'dgo'; did you mean 'dog'.*no threshold for dog"),
        ("CP", {"k": (1, 2)}, "one number"),
        ("calibration_error", {"bins": 0}, "bins: expected one number, a positive integer, got 0"),
        ("precision", {"average_mode": "micro"}, "average_mode: expected macro or none, got 'micro'"),
        ("precision", {"average_mode": "micro", "thrs": 2}, "'micro'; .*thrs: expected"),
    ],
)  # fmt: skip
def test_build_metrics_refuses(names, options, message):
    with pytest.raises(UserError, match=message):
        build_metrics(names, options, classes=CLASSES)


@pytest.mark.parametrize(
    ("names", "multi_label", "message"),
    [
        ("mAP", False, "evaluation.metric: 'mAP' is not for data with one label an image; .*accuracy"),
        (["accuracy", "CP"], True, "evaluation.metric: 'accuracy' is not for data with several labels an image; .*CF1"),
    ],
)
def test_metrics_that_are_not_for_the_data(names, multi_label, message):
    with pytest.raises(UserError, match=message):
        build_metrics(names, multi_label=multi_label, where="evaluation.")


def test_numbers_are_single_ones_unless_they_are_by_class():
    numbers = [
        number for metric in build_metrics(["accuracy", "recall"], {"topk": (1, 5)}) for number in metric.numbers
    ]
    assert [number.scalar for number in (*numbers, Number("loss", "less"))] == [True] * 4
    (recall,) = build_metrics("recall", {"average_mode": "none"})
    assert not any(number.scalar for number in recall.numbers if number.name == "recall")


def test_calibration_by_its_definition():
    """Of scores in every bin that forty classes leave room for."""
    rng = np.random.default_rng(1)
    best, labels = rng.uniform(0.03, 1.0, 500), rng.integers(0, 2, 500)
    scores = np.repeat((1 - best)[:, None] / 39, 40, axis=1)
    scores[:, 0] = best
    (metric,) = build_metrics("calibration_error", {})
    metric.update(scores, labels)
    expected = 0.0
    for edge in np.arange(15) / 15:
        inside = (best > edge) & (best <= edge + 1 / 15)
        assert inside.any()
        expected += inside.mean() * abs(best[inside].mean() - (labels[inside] == 0).mean())
    assert metric.compute()["calibration_error"] == pytest.approx(100 * expected)


def test_calibration_has_fifteen_bins():
    scores, labels = np.random.default_rng(0).dirichlet(np.ones(3), 200), np.arange(200) % 3
    found = []
    for options in ({}, {"bins": 15}, {"bins": 16}):
        (metric,) = build_metrics("calibration_error", options)
        metric.update(scores, labels)
        found.append(metric.compute()["calibration_error"])
    assert found[0] == found[1] != found[2]


def test_defaults_fit_the_data():
    assert (default_metric(False), default_metric(True)) == ("accuracy", "mAP")


def test_the_table_in_the_docs_is_the_code_s():
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    assert markdown() in page, (
        "put the output of `python -c 'from jaxcls.metrics.build import *; print(markdown())'` there"
    )
    assert len(markdown().splitlines()) == len(METRIC_NAMES) + 2
