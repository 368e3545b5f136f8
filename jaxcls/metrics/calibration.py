"""Metrics of the probabilities where an image has one label; their states are sums."""

from __future__ import annotations

import abc
import dataclasses
from typing import Any

import numpy as np

from jaxcls.metrics.metric import SINGLE, Metric, State
from jaxcls.ranks import best_class


class MeanOfSamples(Metric):
    """The mean of a number of each sample."""

    task = SINGLE
    better = "less"
    unit = ""

    def measure(self, scores: np.ndarray, labels: np.ndarray) -> State:
        """`sum` and `total`."""
        values = self.each(np.asarray(scores, np.float64), labels)
        return {"sum": values.sum(), "total": np.asarray(len(labels))}

    @abc.abstractmethod
    def each(self, scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """The number of each sample, (N,)."""

    def values(self) -> list[Any]:
        return [self.state["sum"] / self.state["total"]]


class LogLoss(MeanOfSamples):
    """Mean of -log of the label's probability, which counts as 2.2e-16 at least."""

    name = "log_loss"
    unit = "nats"

    def each(self, scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
        own = np.take_along_axis(scores, labels[:, None], axis=1)[:, 0]
        least = np.finfo(np.float64).eps
        return -np.log(np.clip(own, least, 1 - least))


class BrierScore(MeanOfSamples):
    """Mean squared distance of the probabilities from the label, 1 for its class and 0 else (Brier 1950)."""

    name = "brier_score"
    unit = "0 … 2"

    def each(self, scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return np.square(scores - (np.arange(scores.shape[1]) == labels[:, None])).sum(axis=1)


@dataclasses.dataclass(kw_only=True)
class CalibrationError(Metric):
    """Expected calibration error: how far the best score is from the accuracy, in bins of it (Guo et al. 2017)."""

    name = "calibration_error"
    task = SINGLE
    better = "less"
    bins: int = 15

    def measure(self, scores: np.ndarray, labels: np.ndarray) -> State:
        """Of each bin, which holds its upper edge: `right` and `total` (bins,), `confidence`, the scores' sum."""
        confidence = np.asarray(scores, np.float64).max(axis=1)
        place = np.searchsorted(np.linspace(0, 1, self.bins + 1)[1:-1], confidence)
        return {
            "right": np.bincount(place[best_class(scores) == labels], minlength=self.bins),
            "total": np.bincount(place, minlength=self.bins),
            "confidence": np.bincount(place, confidence, minlength=self.bins),
        }

    def values(self) -> list[Any]:
        gaps = np.abs(self.state["right"] - self.state["confidence"])
        return [100.0 * gaps.sum() / self.state["total"].sum()]
