"""Whether the scores can be believed: a reliability diagram (Guo et al. 2017)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def reliability(bins: Mapping[str, np.ndarray]) -> dict[str, Any] | None:
    """The diagram's bars, from the state of `CalibrationError`; None without one.

    Returns:
        `bins`: of each range of the best score that has images its edges `low` and `high`, the `images`, their mean
        `confidence` and `accuracy`, 0 to 1; `verdict` in words.
    """
    if not bins:
        return None
    edges = np.linspace(0, 1, len(bins["total"]) + 1)
    rows = [
        {
            "low": float(edges[i]),
            "high": float(edges[i + 1]),
            "images": int(total),
            "confidence": float(bins["confidence"][i] / total),
            "accuracy": float(bins["right"][i] / total),
        }
        for i, total in enumerate(bins["total"])
        if total
    ]
    return {"bins": rows, "verdict": _verdict(bins)}


def _verdict(bins: Mapping[str, np.ndarray]) -> str:
    total = bins["total"].sum()
    if not total:
        return "No score is finite."
    confidence, accuracy = 100 * bins["confidence"].sum() / total, 100 * bins["right"].sum() / total
    gap = confidence - accuracy
    how = "as sure as it is right" if abs(gap) < 1 else "too sure" if gap > 0 else "less sure than it could be"
    return f"The network is {how}: its mean score is {confidence:.1f} %, its accuracy {accuracy:.1f} %."
