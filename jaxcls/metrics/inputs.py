"""Scores and labels as the metrics take them."""

from __future__ import annotations

import numpy as np

from jaxcls.errors import UserError


def checked(scores: np.ndarray, labels: np.ndarray, multi_label: bool) -> tuple[np.ndarray, np.ndarray]:
    """Scores (N, K), and labels: class indices int64 (N,), or with several labels an image int8 (N, K), 1, 0 or -1.

    Raises:
        UserError: no samples, shapes that do not fit, or labels outside their range.
    """
    scores, labels = np.asarray(scores), np.asarray(labels)
    if scores.ndim != 2 or not scores.size:
        raise UserError(f"scores have shape {scores.shape}, expected (samples, classes), at least one of each")
    return scores, _matrix(labels, scores.shape) if multi_label else _indices(labels, *scores.shape)


def _indices(labels: np.ndarray, samples: int, classes: int) -> np.ndarray:
    if labels.shape not in ((samples,), (samples, 1)) or labels.dtype.kind not in "iu":
        raise UserError(f"labels are {labels.dtype} {labels.shape}, expected {samples} class indices")
    if labels.min() < 0 or labels.max() >= classes:
        raise UserError(f"labels reach from {labels.min()} to {labels.max()}, but there are {classes} classes")
    return labels.reshape(-1).astype(np.int64)


def _matrix(labels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if labels.shape != shape:
        raise UserError(f"labels have shape {labels.shape}, expected that of the scores, {shape}")
    if not np.isin(labels, (-1, 0, 1)).all():
        raise UserError("labels are 1 (positive), 0 (negative) or -1 (difficult), got others")
    return labels.astype(np.int8)
