"""Metrics that follow from the confusion matrix, where an image has one label; their states are counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxcls.metrics.metric import SINGLE, Metric, State
from jaxcls.metrics.single_label import ClassCounts
from jaxcls.ranks import best_class


class ClassAccuracy(ClassCounts):
    """Samples of each class that are predicted right; NaN for a class without samples."""

    name = "class_accuracy"

    @property
    def names(self) -> list[str]:
        return self.by_class(self.name, len(self.state["support"]) if self.state else None)

    def values(self) -> np.ndarray:
        right, _, support = self.counts()
        return 100.0 * right / support


class BalancedAccuracy(ClassCounts):
    """The mean of the accuracy over the classes that have samples."""

    name = "balanced_accuracy"

    def values(self) -> list[Any]:
        right, _, support = self.counts()
        shares = right[support > 0] / support[support > 0]
        return [100.0 * shares.sum() / np.float64(len(shares))]


class CohenKappa(ClassCounts):
    """Agreement beyond chance (Cohen 1960); NaN where one class is all that is there and all that is predicted."""

    name = "cohen_kappa"
    unit = "-1 … 1"

    def values(self) -> list[Any]:
        right, predicted, support = self.counts()
        total = support.sum()
        observed, chance = right.sum() / total, predicted @ support / total**2
        return [(observed - chance) / (1 - chance)]


class Matthews(ClassCounts):
    """Matthews' correlation coefficient of several classes (Gorodkin 2004); 0 where it is not defined."""

    name = "matthews"
    unit = "-1 … 1"

    def values(self) -> list[Any]:
        right, predicted, support = self.counts()
        total = support.sum()
        spread = (total**2 - predicted @ predicted) * (total**2 - support @ support)
        return [(right.sum() * total - predicted @ support) / np.sqrt(spread) if spread else 0.0]


class ConfusionMatrix(Metric):
    """Samples of each class (rows) that are taken for each class (columns)."""

    name = "confusion_matrix"
    task = SINGLE
    better = None
    unit = "samples"

    @property
    def scalar(self) -> bool:
        return False

    def measure(self, scores: np.ndarray, labels: np.ndarray) -> State:
        """`matrix` (K, K)."""
        count = scores.shape[1]
        pairs = np.bincount(labels * count + best_class(scores), minlength=count**2)
        return {"matrix": pairs.reshape(count, count)}

    def values(self) -> list[np.ndarray]:
        return [self.state["matrix"]]
