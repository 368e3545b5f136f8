"""What the numbers mean: counts over samples, and the rates that follow from counts.

The rates are those of MMClassification 0.25 (`mmcls/models/losses/accuracy.py`, `mmcls/core/evaluation`), in percent.
Counts are integers and rates float64, so that counts added over batches give the numbers of the whole set, exactly.
Where scores tie, the lower class index ranks first, and the samples of a class that share a score share its precision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxcls.errors import UserError

Counts = dict[str, np.ndarray]
AVERAGE_MODES = ("macro", "none")


def accuracy(
    scores: np.ndarray, target: np.ndarray, topk: int | Sequence[int] = 1, thrs: float | Sequence[float] = 0.0
) -> Any:
    """The share of samples whose label is among the `topk` best scores and has a score above the threshold.

    Args:
        scores: (N, K).
        target: (N,) class indices.
        topk: one or several numbers of classes; more than K counts as K.
        thrs: one or several thresholds.

    Returns:
        Percent: (topk, thrs), without the axis of an argument that is one number.

    Raises:
        UserError: no samples, shapes that do not fit, or class indices outside [0, K).
    """
    counts = top_k_counts(*single_label(scores, target), several(topk), several(thrs))
    return percent(counts["hits"], counts["total"])[_axis(topk), _axis(thrs)]


def precision_recall_f1(
    scores: np.ndarray, target: np.ndarray, average_mode: str = "macro", thrs: float | Sequence[float] = 0.0
) -> tuple[Any, Any, Any]:
    """Precision, recall and F1 of the best class, which counts where its score is above the threshold.

    Args:
        scores: (N, K).
        target: (N,) class indices.
        average_mode: `macro`, the mean over the classes, or `none`, each class's value.
        thrs: one or several thresholds.

    Returns:
        Three times percent: (thrs,) for `macro`, (thrs, K) for `none`, without the first axis for one threshold.

    Raises:
        UserError: as `accuracy`, or an unknown `average_mode`.
    """
    check_average_mode(average_mode)
    rates = class_rates(class_counts(*single_label(scores, target), several(thrs)), average_mode)
    precision, recall, f1 = (rate[_axis(thrs)] for rate in rates)
    return precision, recall, f1


def support(scores: np.ndarray, target: np.ndarray, average_mode: str = "macro") -> Any:
    """The number of samples (`macro`), or that of each class, (K,) (`none`)."""
    check_average_mode(average_mode)
    return total_support(class_counts(*single_label(scores, target), (0.0,)), average_mode)


def mAP(scores: np.ndarray, target: np.ndarray) -> float:
    """The mean over the classes of `average_precision`, in percent.

    Args:
        scores: (N, K).
        target: (N, K), 1 positive, 0 negative, -1 difficult.

    Raises:
        UserError: no samples, shapes that do not fit, or other labels.
    """
    scores, target = multi_label(scores, target)
    return 100.0 * float(np.mean([average_precision(*column) for column in zip(scores.T, target.T, strict=True)]))


def average_performance(
    scores: np.ndarray, target: np.ndarray, thr: float | None = None, k: int | None = None
) -> tuple[float, ...]:
    """CP, CR, CF1, OP, OR, OF1: precision, recall and F1 per class (mean) and overall, in percent.

    CF1 is the harmonic mean of CP and CR.

    Args:
        scores: (N, K).
        target: (N, K), 1 positive, 0 negative, -1 difficult, which counts as negative here.
        thr: scores of at least this are predicted positive; 0.5 where neither is given, and it wins over `k`.
        k: the k best scores of a sample are predicted positive.

    Raises:
        UserError: no samples, shapes that do not fit, or other labels.
    """
    return performance(multi_label_counts(*multi_label(scores, target), thr, k))


def average_precision(scores: np.ndarray, target: np.ndarray) -> float:
    """The area under one class's precision-recall steps, in [0, 1]; 0 without a positive.

    Args:
        scores: (N,).
        target: (N,), 1 positive, 0 negative, -1 difficult: as if it were not there.
    """
    scores, positive = scores[target != -1], target[target != -1] == 1
    order = np.argsort(-scores, kind="stable")
    scores, positive = scores[order], positive[order]
    # Samples of one score have the precision at the last of them, whatever their order.
    last = np.searchsorted(-scores, -scores[positive], side="right")
    precision = np.cumsum(positive)[last - 1] / last
    return float(precision.sum() / max(positive.sum(), 1))


def several(values: Any) -> tuple:
    """One number or several, as a tuple."""
    return (values,) if np.isscalar(values) else tuple(values)


def _axis(values: Any) -> int | slice:
    return 0 if np.isscalar(values) else slice(None)


def check_average_mode(average_mode: str) -> None:
    """Refuse other modes than `macro` and `none`."""
    if average_mode not in AVERAGE_MODES:
        raise UserError(f"average_mode: {average_mode!r} is not one of {', '.join(AVERAGE_MODES)}")


def single_label(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores (N, K), float64, and class indices (N,), checked."""
    scores, labels = _with_samples(scores), np.asarray(labels)
    if labels.shape not in ((len(scores),), (len(scores), 1)) or labels.dtype.kind not in "iu":
        raise UserError(f"labels are {labels.dtype} {labels.shape}, expected {len(scores)} class indices")
    if labels.min() < 0 or labels.max() >= scores.shape[1]:
        raise UserError(f"labels reach from {labels.min()} to {labels.max()}, but there are {scores.shape[1]} classes")
    return scores, labels.reshape(-1)


def multi_label(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores and labels (N, K), checked; labels int8, 1, 0 or -1."""
    scores, labels = _with_samples(scores), np.asarray(labels)
    if labels.shape != scores.shape:
        raise UserError(f"labels have shape {labels.shape}, expected that of the scores, {scores.shape}")
    if not np.isin(labels, (-1, 0, 1)).all():
        raise UserError("labels are 1 (positive), 0 (negative) or -1 (difficult), got others")
    return scores, labels.astype(np.int8)


def _with_samples(scores: np.ndarray) -> np.ndarray:
    scores = np.asarray(scores, np.float64)  # a threshold would be rounded to the type of the scores
    if scores.ndim != 2 or not scores.size:
        raise UserError(f"scores have shape {scores.shape}, expected (samples, classes), at least one of each")
    return scores


def top_k_counts(scores: np.ndarray, labels: np.ndarray, topk: Sequence[int], thrs: Sequence[float]) -> Counts:
    """`hits` (topk, thrs): samples whose label is among the k best scores, its own above the threshold; `total`."""
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    ahead = (scores > own) | ((scores == own) & (np.arange(scores.shape[1]) < labels[:, None]))
    within = ahead.sum(axis=1) < np.asarray(topk)[:, None]
    above = own[:, 0] > np.asarray(thrs)[:, None]
    hits = (within[:, None] & above[None]).sum(axis=2)
    return {"hits": hits, "total": np.asarray([len(labels)])}


def class_counts(scores: np.ndarray, labels: np.ndarray, thrs: Sequence[float]) -> Counts:
    """`right` and `predicted` (thrs, K): each class as the best score, above the threshold; `support` (K,)."""
    num_classes = scores.shape[1]
    best = scores.argmax(axis=1)
    best_score = np.take_along_axis(scores, best[:, None], axis=1)[:, 0]
    kept = [best_score > thr for thr in thrs]
    return {
        "right": np.stack([np.bincount(best[keep & (best == labels)], minlength=num_classes) for keep in kept]),
        "predicted": np.stack([np.bincount(best[keep], minlength=num_classes) for keep in kept]),
        "support": np.bincount(labels, minlength=num_classes),
    }


def multi_label_counts(scores: np.ndarray, labels: np.ndarray, thr: float | None, k: int | None) -> Counts:
    """`right`, `predicted` and `support` (K,) for labels (N, K) and the scores of at least `thr`, else the `k` best."""
    if thr is not None or k is None:
        predicted = scores >= (0.5 if thr is None else thr)
    else:
        rank = np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1)
        predicted = rank < k
    positive = labels == 1
    return {
        "right": (predicted & positive).sum(axis=0),
        "predicted": predicted.sum(axis=0),
        "support": positive.sum(axis=0),
    }


def percent(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """100 · part / whole of counts; 0 where `whole` is 0."""
    return 100.0 * part / np.maximum(whole, 1)


def harmonic(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The harmonic mean; 0 where both are."""
    return 2 * first * second / np.maximum(first + second, 1e-20)


def class_rates(counts: Counts, average_mode: str) -> tuple[np.ndarray, ...]:
    """Precision, recall and F1 (thrs,), or (thrs, K) for `none`, from `class_counts`."""
    precision = percent(counts["right"], counts["predicted"])
    recall = percent(counts["right"], counts["support"])
    rates = (precision, recall, harmonic(precision, recall))
    return tuple(rate.mean(axis=-1) for rate in rates) if average_mode == "macro" else rates


def total_support(counts: Counts, average_mode: str) -> Any:
    """The number of samples, or that of each class for `none`, from `class_counts`."""
    return float(counts["support"].sum()) if average_mode == "macro" else counts["support"]


def performance(counts: Counts) -> tuple[float, ...]:
    """CP, CR, CF1, OP, OR, OF1 from `multi_label_counts`."""
    right, predicted, positive = counts["right"], counts["predicted"], counts["support"]
    rates: list[float] = []
    for precision, recall in (
        (percent(right, predicted).mean(), percent(right, positive).mean()),
        (percent(right.sum(), predicted.sum()), percent(right.sum(), positive.sum())),
    ):
        rates += [float(precision), float(recall), float(harmonic(precision, recall))]
    return tuple(rates)


def confusion_matrix(scores_or_pred: np.ndarray, target: np.ndarray, num_classes: int) -> np.ndarray:
    """How often each class is taken for each.

    Args:
        scores_or_pred: (N, K) scores, or (N,) predicted class indices.
        target: (N,) class indices.
        num_classes: K.

    Returns:
        (K, K) int64; rows are the true classes, columns the predicted ones.

    Raises:
        UserError: indices outside [0, K).
    """
    pred, target = np.asarray(scores_or_pred), np.asarray(target).reshape(-1)
    pred = pred.argmax(axis=1) if pred.ndim == 2 else pred
    for name, indices in (("prediction", pred), ("label", target)):
        if indices.size and not (indices.min() >= 0 and indices.max() < num_classes):
            raise UserError(f"a {name} is {indices.min()} or {indices.max()}, outside the {num_classes} classes")
    if pred.shape != target.shape:
        raise UserError(f"{pred.size} predictions, but {target.size} labels")
    return np.bincount(target * num_classes + pred, minlength=num_classes**2).reshape(num_classes, num_classes)
