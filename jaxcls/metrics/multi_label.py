"""Metrics of the predicted classes where an image has several labels; their states are counts.

A class is predicted where its score reaches the threshold, or is one of the k best. A difficult label (-1) counts as
negative here, as in MMClassification 0.25 (`mmcls/core/evaluation/multilabel_eval_metrics.py`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxcls.metrics.metric import MULTI, Metric, State, by_threshold, harmonic, percent, several

Thresholds = float | Sequence[float] | Mapping[str, float] | None


@dataclasses.dataclass(kw_only=True)
class Predicted(Metric):
    """A metric of the predicted classes."""

    task = MULTI
    thr: Thresholds = None  # 0.5 where neither is given, and it wins over `k`; a mapping: each class's own
    k: int | None = None

    @property
    def names(self) -> list[str]:
        return [self.name] if isinstance(self.thr, Mapping) else by_threshold(self.name, self.thr)

    def predicted(self, scores: np.ndarray) -> np.ndarray:
        """(N, K) -> (thresholds, N, K) bool."""
        if self.thr is None and self.k is not None:
            rank = np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1)
            return (rank < self.k)[None]
        if isinstance(self.thr, Mapping):
            least = np.asarray([[self.thr[name] for name in self.classes]])
        else:
            least = np.asarray(several(0.5 if self.thr is None else self.thr))[:, None]
        return np.asarray(scores, np.float64) >= least[:, None]


@dataclasses.dataclass(kw_only=True)
class PredictedByClass(Predicted):
    """A metric of how often each class is predicted, is a label, and is both."""

    def measure(self, scores: np.ndarray, labels: np.ndarray) -> State:
        """`right` and `predicted` (thresholds, K), `support` (K,)."""
        predicted, positive = self.predicted(scores), labels == 1
        return {
            "right": (predicted & positive).sum(axis=1),
            "predicted": predicted.sum(axis=1),
            "support": positive.sum(axis=0),
        }

    def rates(self, overall: bool = False) -> dict[str, np.ndarray]:
        """`precision` and `recall` (thresholds, K), or `overall` (thresholds, 1)."""
        counts = [self.state[key] for key in ("right", "predicted", "support")]
        if overall:
            counts = [count.sum(axis=-1, keepdims=True) for count in counts]
        right, predicted, support = counts
        return {"precision": percent(right, predicted), "recall": percent(right, support)}


class AveragePerformance(PredictedByClass):
    """One of CP, CR, CF1, OP, OR, OF1; CF1 is the harmonic mean of CP and CR."""

    def values(self) -> np.ndarray:
        rates = {name: rate.mean(axis=-1) for name, rate in self.rates(self.name.startswith("O")).items()}
        if self.name.endswith("F1"):
            return harmonic(rates["precision"], rates["recall"])
        return rates["precision" if self.name.endswith("P") else "recall"]


class CP(AveragePerformance):
    """Precision of a class, the mean over the classes."""

    name = "CP"


class CR(AveragePerformance):
    """Recall of a class, the mean over the classes."""

    name = "CR"


class CF1(AveragePerformance):
    """Harmonic mean of CP and CR."""

    name = "CF1"


class OP(AveragePerformance):
    """Precision of all predicted labels together."""

    name = "OP"


class OR(AveragePerformance):
    """Recall of all labels together."""

    name = "OR"


class OF1(AveragePerformance):
    """Harmonic mean of OP and OR."""

    name = "OF1"


class PerClass(PredictedByClass):
    """One of precision, recall and F1 of each class."""

    @property
    def names(self) -> list[str]:
        count = len(self.state["support"]) if self.state else None
        return [one for name in super().names for one in self.by_class(name, count)]

    def values(self) -> np.ndarray:
        rates = self.rates()
        rates["f1_score"] = harmonic(rates["precision"], rates["recall"])
        return rates[self.name.removeprefix("class_")].ravel()


class ClassPrecision(PerClass):
    """Precision of each class."""

    name = "class_precision"


class ClassRecall(PerClass):
    """Recall of each class."""

    name = "class_recall"


class ClassF1Score(PerClass):
    """Harmonic mean of precision and recall of each class."""

    name = "class_f1_score"


class HammingLoss(Predicted):
    """Wrong ones among the yes-or-no answers, one for each class and sample."""

    name = "hamming_loss"
    better = "less"

    def measure(self, scores: np.ndarray, labels: np.ndarray) -> State:
        """`wrong` (thresholds,) and `total`."""
        wrong = self.predicted(scores) != (labels == 1)
        return {"wrong": wrong.sum(axis=(1, 2)), "total": np.asarray(labels.size)}

    def values(self) -> np.ndarray:
        return percent(self.state["wrong"], self.state["total"])


class SubsetAccuracy(Predicted):
    """Samples whose classes are all predicted, and no others."""

    name = "subset_accuracy"

    def measure(self, scores: np.ndarray, labels: np.ndarray) -> State:
        """`right` (thresholds,) and `total`."""
        right = (self.predicted(scores) == (labels == 1)).all(axis=2)
        return {"right": right.sum(axis=1), "total": np.asarray(len(labels))}

    def values(self) -> Any:
        return percent(self.state["right"], self.state["total"])
