"""Numbers as a reader wants them: names in words, units, as many digits as say something."""

from __future__ import annotations

import math
from typing import NamedTuple

from jaxcls.metrics.build import METRICS
from jaxcls.metrics.metric import SHARE

_WORDS = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "f1_score": "F1 score",
    "log_loss": "Log loss",
    "brier_score": "Brier score",
    "calibration_error": "Calibration error",
    "mAP": "Mean average precision",
    "subset_accuracy": "Subset accuracy",
    "hamming_loss": "Hamming loss",
    "lr": "Learning rate",
    "loss": "Loss",
    "grad_norm": "Gradient norm",
    "momentum": "Momentum",
}


class Measure(NamedTuple):
    """One number of an evaluation.

    Attributes:
        name: in words.
        value: as it was computed.
        text: with its unit.
        better: `greater` or `less`; None where neither is better.
        note: what the number is.
    """

    name: str
    value: float
    text: str
    better: str | None
    note: str


def measure(name: str, value: float) -> Measure:
    """A metric's number, by its name in a log."""
    bare = name.removeprefix("raw_")
    kind = max((kind for kind in METRICS if bare.startswith(kind)), key=len, default=None)
    metric = METRICS[kind] if kind else None
    unit = metric.unit if metric else ""
    note = " ".join((metric.__doc__ or "").split("\n\n")[0].split()) if metric else ""
    text = f"{value:.2f} %" if unit == SHARE else significant(value)
    return Measure(
        in_words(name), value, text if math.isfinite(value) else "not finite", metric.better if metric else None, note
    )


def in_words(name: str) -> str:
    """`accuracy_top-1` -> `Top-1 accuracy`; what is not known stays as it is."""
    if name.startswith("raw_"):
        return f"{in_words(name.removeprefix('raw_'))}, raw weights"
    if name.startswith("accuracy_top-"):
        return f"Top-{name.removeprefix('accuracy_top-')} accuracy"
    return _WORDS.get(name, name)


def significant(value: float, digits: int = 4) -> str:
    """A number with some digits: 0.03755, 1,437, 2.5e-07."""
    if not math.isfinite(value):
        return "not finite"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.{digits}g}" if abs(value) < 1000 else f"{value:,.0f}"


def large(count: float) -> str:
    """1,234,567 -> `1.23 M`."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= limit:
            return f"{count / limit:.3g} {unit}"
    return f"{count:,.0f}"


def rate(value: float) -> str:
    """Images a second: 1,707, 29.4."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """`27 s`, `1 h 05 min`."""
    if seconds < 100:
        return f"{seconds:.3g} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"
