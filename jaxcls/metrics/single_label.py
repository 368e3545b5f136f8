"""Metrics of the best class where an image has one label; their states are counts.

The first five are those of MMClassification 0.25 (`mmcls/models/losses/accuracy.py`, `mmcls/core/evaluation`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxcls.errors import UserError
from jaxcls.metrics.metric import SINGLE, Metric, State, by_threshold, harmonic, percent, several
from jaxcls.ranks import best_class, rank_of_label

Thresholds = float | Sequence[float] | None
AVERAGE_MODES = ("macro", "none")


@dataclasses.dataclass(kw_only=True)
class Accuracy(Metric):
    """Samples whose label is among the k best classes, and its score above the threshold."""

    name = "accuracy"
    task = SINGLE
    topk: int | Sequence[int] = (1, 5)  # more than K counts as K
    thrs: Thresholds = None

    @property
    def names(self) -> list[str]:
        names = ["accuracy"] if np.isscalar(self.topk) else [f"accuracy_top-{k}" for k in several(self.topk)]
        return [full for name in names for full in by_threshold(name, self.thrs)]

    def measure(self, scores: np.ndarray, labels: np.ndarray) -> State:
        """`hits` (topk, thrs) and `total`."""
        own = np.take_along_axis(_float64(scores), labels[:, None], axis=1)[:, 0]
        within = rank_of_label(scores, labels) < np.asarray(several(self.topk))[:, None]
        above = own > np.asarray(_thresholds(self.thrs))[:, None]
        return {"hits": (within[:, None] & above[None]).sum(axis=2), "total": np.asarray(len(labels))}

    def values(self) -> np.ndarray:
        return percent(self.state["hits"], self.state["total"]).ravel()


@dataclasses.dataclass(kw_only=True)
class Averaged(Metric):
    """A metric whose number is over all classes (`macro`), or a vector (K,) of each class's (`none`).

    Raises:
        UserError: another `average_mode`.
    """

    task = SINGLE
    average_mode: str = "macro"

    def __post_init__(self) -> None:
        if self.average_mode not in AVERAGE_MODES:
            raise UserError(f"average_mode: {self.average_mode!r} is not one of {', '.join(AVERAGE_MODES)}")

    @property
    def scalar(self) -> bool:
        return self.average_mode == "macro"


class Support(Averaged):
    """Samples, whatever their scores."""

    name = "support"
    better = None
    unit = "samples"

    def state_of(self, scores: np.ndarray, labels: np.ndarray) -> State:
        return super().state_of(np.zeros(np.shape(scores)), labels)

    def measure(self, scores: np.ndarray, labels: np.ndarray) -> State:
        """`support` (K,)."""
        return {"support": np.bincount(labels, minlength=scores.shape[1])}

    def values(self) -> list[Any]:
        return [float(self.state["support"].sum()) if self.scalar else self.state["support"]]


@dataclasses.dataclass(kw_only=True)
class ClassCounts(Metric):
    """A metric of how often each class is predicted, is the label, and is both."""

    task = SINGLE

    def measure(self, scores: np.ndarray, labels: np.ndarray) -> State:
        """`right` and `predicted` (thrs, K): each class as the best one, above the threshold; `support` (K,)."""
        best, count = best_class(scores), scores.shape[1]
        best_score = _float64(scores).max(axis=1)
        kept = [best_score > thr for thr in self.thresholds]
        return {
            "right": np.stack([np.bincount(best[keep & (best == labels)], minlength=count) for keep in kept]),
            "predicted": np.stack([np.bincount(best[keep], minlength=count) for keep in kept]),
            "support": np.bincount(labels, minlength=count),
        }

    @property
    def thresholds(self) -> tuple[float, ...]:
        """What the best score has to exceed; one or several."""
        return _thresholds(None)

    def counts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Right, predicted and support (K,), float64, without a threshold."""
        return tuple(self.state[key].reshape(-1).astype(float) for key in ("right", "predicted", "support"))  # type: ignore[return-value]


@dataclasses.dataclass(kw_only=True)
class ClassRates(Averaged, ClassCounts):
    """Precision and recall of the best class, and what follows from them."""

    thrs: Thresholds = None

    @property
    def thresholds(self) -> tuple[float, ...]:
        return _thresholds(self.thrs)

    @property
    def names(self) -> list[str]:
        return by_threshold(self.name, self.thrs)

    def values(self) -> list[np.ndarray]:
        precision = percent(self.state["right"], self.state["predicted"])
        recall = percent(self.state["right"], self.state["support"])
        rates = {"precision": precision, "recall": recall, "f1_score": harmonic(precision, recall)}[self.name]
        return list(rates.mean(axis=-1) if self.scalar else rates)


class Precision(ClassRates):
    """Right predictions of a class among its predictions, the mean over the classes."""

    name = "precision"


class Recall(ClassRates):
    """Right predictions of a class among its samples, the mean over the classes."""

    name = "recall"


class F1Score(ClassRates):
    """Harmonic mean of precision and recall of a class, the mean over the classes."""

    name = "f1_score"


def _thresholds(thrs: Thresholds) -> tuple[float, ...]:
    """One or several; without any, no score is too low."""
    return several(-np.inf if thrs is None else thrs)


def _float64(scores: np.ndarray) -> np.ndarray:
    """A threshold would be rounded to the type of the scores."""
    return np.asarray(scores, np.float64)
