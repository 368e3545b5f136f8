"""Metrics of how each class ranks the samples, one against the rest; exact, and so they keep all scores.

A difficult sample (label -1) is as if it were not there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxcls.metrics.metric import EITHER, MULTI, Metric, State


@dataclasses.dataclass(kw_only=True)
class Ranking(Metric):
    """A metric of all scores and labels."""

    task = EITHER
    keeps_scores = True

    def measure(self, scores: np.ndarray, labels: np.ndarray) -> State:
        """The `scores` and `labels` themselves, (N, K) both."""
        if labels.ndim == 1:
            labels = (np.arange(scores.shape[1]) == labels[:, None]).astype(np.int8)
        return {"scores": (scores,), "labels": (labels,)}

    def each_class(self, function: Callable[[np.ndarray, np.ndarray], float]) -> np.ndarray:
        """`function` of each class's scores and labels (N,): (K,)."""
        scores, labels = (np.concatenate(self.state[key]).T for key in ("scores", "labels"))
        return np.asarray([function(*column) for column in zip(scores, labels, strict=True)])

    @property
    def num_classes(self) -> int | None:
        """K; None before the first sample."""
        return self.state["scores"][0].shape[1] if self.state else None


class MeanAveragePrecision(Ranking):
    """The mean of the average precision over the classes."""

    name = "mAP"
    task = MULTI

    def values(self) -> list[Any]:
        return [100.0 * self.each_class(average_precision).mean()]


class AveragePrecision(Ranking):
    """Average precision of each class; 0 for a class without positives."""

    name = "average_precision"

    @property
    def names(self) -> list[str]:
        return self.by_class(self.name, self.num_classes)

    def values(self) -> np.ndarray:
        return 100.0 * self.each_class(average_precision)


class RocAuc(Ranking):
    """Area under the ROC curve, the mean over the classes and that weighted by their positives.

    A class without positives or without negatives has none: the mean is NaN then, and the weighted mean leaves out the
    classes without positives, as scikit-learn's do.
    """

    name = "roc_auc"

    @property
    def names(self) -> list[str]:
        return ["roc_auc_macro", "roc_auc_weighted"]

    def values(self) -> list[Any]:
        areas, weights = self.each_class(roc_auc), self.each_class(lambda _, labels: (labels == 1).sum())
        there = weights > 0
        return [100.0 * areas.mean(), 100.0 * (areas[there] @ weights[there]) / max(weights.sum(), 1)]


class BestThreshold(Ranking):
    """The threshold of each class with the best F1 on these data, for `thr`; 0.5 for a class without positives."""

    name = "best_thr"
    task = MULTI
    better = None
    unit = "score"

    @property
    def names(self) -> list[str]:
        return self.by_class(self.name, self.num_classes)

    def values(self) -> np.ndarray:
        return self.each_class(best_threshold)


def average_precision(scores: np.ndarray, labels: np.ndarray) -> float:
    """The area under one class's precision-recall steps, in [0, 1]; 0 without a positive, NaN for scores not finite.

    Samples that share a score share its precision.

    Args:
        scores: (N,).
        labels: (N,), 1 positive, 0 negative, -1 difficult: as if it were not there.
    """
    known, positives = np.sort(scores[labels != -1]), np.sort(scores[labels == 1])
    if not np.isfinite(known).all():
        return float("nan")
    right, retrieved = (len(of) - np.searchsorted(of, positives) for of in (positives, known))  # at each one's score
    return float((right / retrieved).sum() / max(len(positives), 1))


def roc_auc(scores: np.ndarray, labels: np.ndarray) -> float:
    """The share of pairs of a positive and a negative that are ranked right, in [0, 1]; equal scores count half.

    Args:
        scores: (N,).
        labels: (N,), as for `average_precision`.
    """
    positives, negatives = scores[labels == 1], np.sort(scores[labels == 0])
    below, up_to = (np.searchsorted(negatives, positives, side=side).sum() for side in ("left", "right"))
    pairs = len(positives) * len(negatives)
    return float((below + up_to) / (2 * pairs)) if pairs else float("nan")


def best_threshold(scores: np.ndarray, labels: np.ndarray) -> float:
    """The threshold whose F1 is best, the highest of several; midway between two scores, away from rounding.

    Args:
        scores: (N,), from 0.
        labels: (N,), 1 positive, else negative.
    """
    order = np.argsort(-scores)
    scores, positive = np.asarray(scores[order], np.float64), labels[order] == 1
    if not positive.any():
        return 0.5
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))  # a threshold does not part equal scores
    f1 = 2 * np.cumsum(positive)[last] / (last + 1 + positive.sum())
    values = np.append(scores[last], 0.0)
    best = int(np.argmax(f1))
    return float(values[best : best + 2].mean())
