"""Metrics over a stream of batches: states that add up, and the numbers that follow from them.

Any split of the samples into batches, in any order of merging, gives the numbers of the whole set, bit for bit.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxcls.builder import plain
from jaxcls.errors import UserError, close_names
from jaxcls.metrics import functional
from jaxcls.metrics.functional import Counts, several

PER_CLASS_NAMES = ("support", "precision", "recall", "f1_score")
PERFORMANCE_NAMES = ("CP", "CR", "CF1", "OP", "OR", "OF1")
SINGLE_LABEL_NAMES = ("accuracy", *PER_CLASS_NAMES)
MULTI_LABEL_NAMES = ("mAP", *PERFORMANCE_NAMES)
METRIC_NAMES = (*SINGLE_LABEL_NAMES, *MULTI_LABEL_NAMES)

SINGLE_LABEL_OPTIONS = ("topk", "thrs", "average_mode")
MULTI_LABEL_OPTIONS = ("thr", "k")


class Metric(abc.ABC):
    """One or several numbers that follow from the same state.

    `state` is a dict of arrays, empty before the first sample; `merge` adds the state of other samples.
    """

    def __init__(self) -> None:
        self.state: Counts = {}

    def update(self, scores: np.ndarray, labels: np.ndarray) -> None:
        """Add a batch.

        Args:
            scores: (N, K), float; N may be 0.
            labels: (N,) class indices; for a multi-label metric (N, K), 1 positive, 0 negative, -1 difficult.

        Raises:
            UserError: shapes that do not fit, or labels outside their range.
        """
        if len(scores):
            self.merge(self.measure(scores, labels))

    def merge(self, state: Mapping[str, np.ndarray]) -> None:
        """Add the state of other samples, of the same metric with the same options."""
        if not self.state:
            self.state = dict(state)
        elif state:
            self.state = {key: self.combine(value, state[key]) for key, value in self.state.items()}

    def compute(self) -> dict[str, Any]:
        """The numbers, named as in the original, in percent; arrays (K,) with `average_mode="none"`.

        Raises:
            UserError: no sample so far.
        """
        if not self.state:
            raise UserError("there are no samples to evaluate")
        return self.numbers()

    @staticmethod
    @abc.abstractmethod
    def combine(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """One entry of the states of two parts of the samples."""

    @abc.abstractmethod
    def measure(self, scores: np.ndarray, labels: np.ndarray) -> Counts:
        """The state of one batch."""

    @abc.abstractmethod
    def numbers(self) -> dict[str, Any]:
        """The numbers of a state that is not empty."""


class Summed(Metric):
    """A metric whose state is counts."""

    @staticmethod
    def combine(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """The sum."""
        return first + second


class Accuracy(Summed):
    """`accuracy_top-k` for each of `topk`, `accuracy` where that is one number; `_thr_0.50` where there are several."""

    def __init__(self, topk: int | Sequence[int] = (1, 5), thrs: float | Sequence[float] = 0.0) -> None:
        super().__init__()
        self.topk, self.thrs = topk, thrs

    def measure(self, scores: np.ndarray, labels: np.ndarray) -> Counts:
        """`hits` (topk, thrs) and `total`."""
        return functional.top_k_counts(*functional.single_label(scores, labels), several(self.topk), several(self.thrs))

    def numbers(self) -> dict[str, Any]:
        """Percent of the samples."""
        names = ["accuracy"] if np.isscalar(self.topk) else [f"accuracy_top-{k}" for k in several(self.topk)]
        rates = functional.percent(self.state["hits"], self.state["total"])
        return {
            key: value
            for name, values in zip(names, rates, strict=True)
            for key, value in _by_threshold(name, values, self.thrs).items()
        }


class PerClass(Summed):
    """`support`, `precision`, `recall`, `f1_score`: those in `names`."""

    def __init__(self, names: Sequence[str], thrs: float | Sequence[float] = 0.0, average_mode: str = "macro") -> None:
        super().__init__()
        self.names, self.thrs, self.average_mode = names, thrs, average_mode

    def measure(self, scores: np.ndarray, labels: np.ndarray) -> Counts:
        """`right` and `predicted` (thrs, K), `support` (K,)."""
        return functional.class_counts(*functional.single_label(scores, labels), several(self.thrs))

    def numbers(self) -> dict[str, Any]:
        """Percent; for `support` a number of samples."""
        result = {"support": functional.total_support(self.state, self.average_mode)}
        rates = functional.class_rates(self.state, self.average_mode)
        for name, values in zip(("precision", "recall", "f1_score"), rates, strict=True):
            result |= _by_threshold(name, values, self.thrs)
        return {key: value for key, value in result.items() if key.partition("_thr_")[0] in self.names}


class MeanAveragePrecision(Metric):
    """`mAP`. The ranking needs all scores, so that the state grows with the samples."""

    @staticmethod
    def combine(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """One after the other."""
        return np.concatenate([first, second])

    def measure(self, scores: np.ndarray, labels: np.ndarray) -> Counts:
        """The scores and labels themselves."""
        scores, labels = functional.multi_label(scores, labels)
        return {"scores": scores, "labels": labels}

    def numbers(self) -> dict[str, Any]:
        """Percent."""
        return {"mAP": functional.mAP(self.state["scores"], self.state["labels"])}


class AveragePerformance(Summed):
    """`CP`, `CR`, `CF1`, `OP`, `OR`, `OF1`: those in `names`."""

    def __init__(self, names: Sequence[str], thr: float | None = None, k: int | None = None) -> None:
        super().__init__()
        self.names, self.thr, self.k = names, thr, k

    def measure(self, scores: np.ndarray, labels: np.ndarray) -> Counts:
        """`right`, `predicted` and `support` (K,)."""
        return functional.multi_label_counts(*functional.multi_label(scores, labels), self.thr, self.k)

    def numbers(self) -> dict[str, Any]:
        """Percent."""
        values = zip(PERFORMANCE_NAMES, functional.performance(self.state), strict=True)
        return {name: value for name, value in values if name in self.names}


def _by_threshold(name: str, values: np.ndarray, thrs: float | Sequence[float]) -> dict[str, Any]:
    names = [name] if np.isscalar(thrs) else [f"{name}_thr_{thr:.2f}" for thr in several(thrs)]
    return {key: float(value) if value.ndim == 0 else value for key, value in zip(names, values, strict=True)}


def build_metrics(names: str | Sequence[str], options: Mapping[str, Any] | None = None) -> list[Metric]:
    """The metrics that compute `names`, in the original's order of results.

    Args:
        names: from `METRIC_NAMES`, all single-label or all multi-label.
        options: the original's `metric_options`: `topk` (1, 5), `thrs` 0, `average_mode` macro for single-label
            metrics; `thr` 0.5, `k` for multi-label ones.

    Raises:
        UserError: an unknown name or option, or a value that is not allowed.
    """
    names = [names] if isinstance(names, str) else list(names)
    for name in names:
        if name not in METRIC_NAMES:
            raise UserError(f"metric: {name!r} is unknown; {close_names(name, METRIC_NAMES)}")
    multi_label = [name for name in names if name in MULTI_LABEL_NAMES]
    if not names or 0 < len(multi_label) < len(names):
        raise UserError(f"metric: expected single-label or multi-label metrics, not a mix, got {names}")
    options = _checked(options, MULTI_LABEL_OPTIONS if multi_label else SINGLE_LABEL_OPTIONS)
    metrics: list[Metric] = []
    if "accuracy" in names:
        metrics.append(Accuracy(**{key: options[key] for key in ("topk", "thrs") if key in options}))
    if set(names) & set(PER_CLASS_NAMES):
        metrics.append(PerClass(names, **{key: options[key] for key in ("thrs", "average_mode") if key in options}))
    if "mAP" in names:
        metrics.append(MeanAveragePrecision())
    if set(names) & set(PERFORMANCE_NAMES):
        metrics.append(AveragePerformance(names, **options))
    return metrics


def _checked(options: Mapping[str, Any] | None, allowed: Sequence[str]) -> dict[str, Any]:
    options = {key: value for key, value in plain(options or {}).items() if value is not None}
    for key, value in options.items():
        where = f"metric_options.{key}"
        if key not in allowed:
            raise UserError(f"{where} is unknown for these metrics; {close_names(key, allowed)}")
        if key == "average_mode":
            functional.check_average_mode(value)
            continue
        if key in ("thr", "k") and not np.isscalar(value):
            raise UserError(f"{where}: expected one number, got {value!r}")
        if key in ("topk", "k") and not all(isinstance(k, int) and k > 0 for k in several(value)):
            raise UserError(f"{where}: expected positive integers, got {value!r}")
        if not all(isinstance(number, int | float) for number in several(value)):
            raise UserError(f"{where}: expected numbers, got {value!r}")
    return options
