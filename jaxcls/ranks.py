"""The one rule of ranking, which the training's accuracy, the metrics and the predicted labels follow.

Where scores tie, the lower class ranks first. A row whose largest score is NaN or infinite has no ranking: its label is
never right, and it has no best class. (A softmax of such logits is NaN throughout; a logit of -inf is a score of 0.)
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

NEVER = int(np.iinfo(np.int32).max)  # the rank of a label that no k reaches


def has_ranking(scores: Any, xp: ModuleType = np) -> Any:
    """Which rows of scores (N, K) have a ranking: (N,) bool."""
    return xp.isfinite(xp.max(scores, axis=1))


def rank_of_label(scores: Any, labels: Any, xp: ModuleType = np) -> Any:
    """How many classes rank before the label, (N,) int; `NEVER` without a ranking.

    Args:
        scores: (N, K), scores or logits.
        labels: (N,) class indices.
        xp: `numpy`, or `jax.numpy` in a compiled step.
    """
    own = xp.take_along_axis(scores, labels[:, None], axis=1)
    ahead = (scores > own) | ((scores == own) & (xp.arange(scores.shape[1]) < labels[:, None]))
    return xp.where(has_ranking(scores, xp), xp.sum(ahead, axis=1), NEVER)


def best_class(scores: np.ndarray) -> np.ndarray:
    """The class that ranks first, (N,) int64; -1 without a ranking."""
    return np.where(has_ranking(scores), scores.argmax(axis=1), -1)


def ranking(scores: np.ndarray) -> np.ndarray:
    """The classes from the first rank to the last, (N, K) int64, whether or not a row has a ranking."""
    return np.argsort(-scores, axis=1, kind="stable")
