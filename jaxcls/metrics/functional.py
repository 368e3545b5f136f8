"""The original's functions: a metric of arrays at once, in percent (mmcls/core/evaluation)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxcls.errors import UserError
from jaxcls.metrics import multi_label, single_label
from jaxcls.metrics.metric import Metric, several
from jaxcls.metrics.ranking import MeanAveragePrecision
from jaxcls.metrics.single_label import Thresholds
from jaxcls.ranks import best_class


def accuracy(scores: np.ndarray, target: np.ndarray, topk: int | Sequence[int] = 1, thrs: Thresholds = None) -> Any:
    """The share of samples whose label is among the `topk` best classes and has a score above the threshold.

    Args:
        scores: (N, K).
        target: (N,) class indices.
        topk: one or several numbers of classes; more than K counts as K.
        thrs: one or several thresholds; None: no score is too low.

    Returns:
        Percent: (topk, thrs), without the axis of an argument that is one number; NaN where a score is not finite.

    Raises:
        UserError: no samples, shapes that do not fit, or class indices outside [0, K).
    """
    rates = _results(single_label.Accuracy(topk=topk, thrs=thrs), scores, target)
    return np.reshape(rates, (len(several(topk)), -1))[_axis(topk), _axis(thrs)]


def precision_recall_f1(
    scores: np.ndarray, target: np.ndarray, average_mode: str = "macro", thrs: Thresholds = None
) -> tuple[Any, Any, Any]:
    """Precision, recall and F1 of the best class, which counts where its score is above the threshold.

    Args:
        scores: (N, K).
        target: (N,) class indices.
        average_mode: `macro`, the mean over the classes, or `none`, each class's value.
        thrs: one or several thresholds; None: no score is too low.

    Returns:
        Three times percent: (thrs,) for `macro`, (thrs, K) for `none`, without the first axis for one threshold.

    Raises:
        UserError: as `accuracy`, or an unknown `average_mode`.
    """
    kinds = (single_label.Precision, single_label.Recall, single_label.F1Score)
    metrics = (kind(average_mode=average_mode, thrs=thrs) for kind in kinds)
    precision, recall, f1 = (np.stack(_results(metric, scores, target))[_axis(thrs)] for metric in metrics)
    return precision, recall, f1


def support(scores: np.ndarray, target: np.ndarray, average_mode: str = "macro") -> Any:
    """The number of samples (`macro`), or that of each class, (K,) (`none`)."""
    (value,) = _results(single_label.Support(average_mode=average_mode), scores, target)
    return value[()]


def mAP(scores: np.ndarray, target: np.ndarray) -> float:
    """The mean over the classes of `average_precision`, in percent; NaN where a score is not finite.

    Args:
        scores: (N, K).
        target: (N, K), 1 positive, 0 negative, -1 difficult.

    Raises:
        UserError: no samples, shapes that do not fit, or other labels.
    """
    return float(_results(MeanAveragePrecision(), scores, target)[0])


def average_performance(
    scores: np.ndarray, target: np.ndarray, thr: float | None = None, k: int | None = None
) -> tuple[float, ...]:
    """CP, CR, CF1, OP, OR, OF1: precision, recall and F1 per class (mean) and overall, in percent.

    Args:
        scores: (N, K).
        target: (N, K), 1 positive, 0 negative, -1 difficult, which counts as negative here.
        thr: scores of at least this are predicted positive; 0.5 where neither is given, and it wins over `k`.
        k: the k best scores of a sample are predicted positive.

    Raises:
        UserError: no samples, shapes that do not fit, or other labels.
    """
    kinds = (multi_label.CP, multi_label.CR, multi_label.CF1, multi_label.OP, multi_label.OR, multi_label.OF1)
    return tuple(float(_results(kind(thr=thr, k=k), scores, target)[0]) for kind in kinds)


def confusion_matrix(scores_or_pred: np.ndarray, target: np.ndarray, num_classes: int) -> np.ndarray:
    """How often each class is taken for each.

    Args:
        scores_or_pred: (N, K) scores, or (N,) predicted class indices.
        target: (N,) class indices.
        num_classes: K.

    Returns:
        (K, K) int64; rows are the true classes, columns the predicted ones. NaN throughout where a score is not finite.

    Raises:
        UserError: indices outside [0, K).
    """
    pred, target = np.asarray(scores_or_pred), np.asarray(target, np.int64).reshape(-1)
    if not np.isfinite(pred).all():
        return np.full((num_classes, num_classes), np.nan)
    pred = best_class(pred) if pred.ndim == 2 else pred
    for name, indices in (("prediction", pred), ("label", target)):
        if indices.size and not (indices.min() >= 0 and indices.max() < num_classes):
            raise UserError(f"a {name} is {indices.min()} or {indices.max()}, outside the {num_classes} classes")
    if pred.shape != target.shape:
        raise UserError(f"{pred.size} predictions, but {target.size} labels")
    return np.bincount(target * num_classes + pred, minlength=num_classes**2).reshape(num_classes, num_classes)


def _results(metric: Metric, scores: np.ndarray, target: np.ndarray) -> list[np.ndarray]:
    metric.merge(metric.state_of(scores, target))
    return metric.results()


def _axis(values: Any) -> int | slice:
    return 0 if values is None or np.isscalar(values) else slice(None)
