"""Names -> metrics. The table of all there are, which docs/metrics.md shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jaxcls.arguments import is_one_of
from jaxcls.errors import UserError, close_names
from jaxcls.metrics import calibration, confusion, multi_label, ranking, single_label
from jaxcls.metrics.metric import EITHER, MULTI, SINGLE, Metric
from jaxcls.metrics.options import checked_options

# in the order of results
METRICS: dict[str, type[Metric]] = {
    kind.name: kind
    for kind in (
        single_label.Accuracy,
        single_label.Support,
        single_label.Precision,
        single_label.Recall,
        single_label.F1Score,
        ranking.MeanAveragePrecision,
        multi_label.CP,
        multi_label.CR,
        multi_label.CF1,
        multi_label.OP,
        multi_label.OR,
        multi_label.OF1,
        confusion.BalancedAccuracy,
        confusion.ClassAccuracy,
        confusion.CohenKappa,
        confusion.Matthews,
        calibration.LogLoss,
        calibration.BrierScore,
        calibration.CalibrationError,
        multi_label.SubsetAccuracy,
        multi_label.HammingLoss,
        multi_label.ClassPrecision,
        multi_label.ClassRecall,
        multi_label.ClassF1Score,
        ranking.BestThreshold,
        ranking.RocAuc,
        ranking.AveragePrecision,
        confusion.ConfusionMatrix,
    )
}
METRIC_NAMES = tuple(METRICS)


def default_metric(multi_label: bool) -> str:
    """What is evaluated where a config names nothing."""
    return "mAP" if multi_label else "accuracy"


def metric_names(multi_label: bool) -> list[str]:
    """The metrics of data with one label an image, or with several."""
    return [name for name, kind in METRICS.items() if kind.task in (EITHER, MULTI if multi_label else SINGLE)]


def build_metrics(
    names: str | Sequence[str],
    options: Mapping[str, Any] | None = None,
    *,
    multi_label: bool | None = None,
    classes: Sequence[str] = (),
    where: str = "",
) -> list[Metric]:
    """The metrics that compute `names`, in the order of results.

    Args:
        names: from `METRIC_NAMES`.
        options: `metric_options`, for each metric those that it takes; each has to be for one of them.
        multi_label: whether the data have several labels an image; None: not known, the names must go together.
        classes: the classes' names.
        where: what stands before `metric` and `metric_options` in the config, for messages.

    Raises:
        UserError: all that is wrong with the names and options.
    """
    names = [names] if isinstance(names, str) else list(names)
    problems = _problems(names, multi_label, f"{where}metric")
    kinds = [kind for name, kind in METRICS.items() if name in names]
    takers = METRICS.values() if problems else kinds
    options, wrong = checked_options(options, takers, classes, f"{where}metric_options")
    if problems or wrong:
        raise UserError("; ".join([*problems, *wrong]))
    return [kind(classes=classes, **{k: v for k, v in options.items() if k in kind.options()}) for kind in kinds]


def _problems(names: list[str], multi_label: bool | None, where: str) -> list[str]:
    """What is wrong with the names of metrics."""
    if not names:
        return [f"{where}: expected one name or several; {close_names('', METRIC_NAMES)}"]
    allowed = METRIC_NAMES if multi_label is None else metric_names(multi_label)
    problems = [
        f"{where}: {name!r} is unknown; {close_names(str(name), allowed)}"
        for name in names
        if not is_one_of(name, METRICS)
    ]
    known = [name for name in names if is_one_of(name, METRICS)]
    if multi_label is not None:
        is_so = "several labels an image" if multi_label else "one label an image"
        return problems + [
            f"{where}: {name!r} is not for data with {is_so}; {close_names(name, allowed)}"
            for name in known
            if name not in allowed
        ]
    if {SINGLE, MULTI} <= {METRICS[name].task for name in known}:
        problems.append(f"{where}: expected metrics of one label an image or of several, not a mix, got {names}")
    return problems


def markdown() -> str:
    """The table of docs/metrics.md."""
    columns = ("metric", "what it is", "labels an image", "numbers", "options", "unit", "better", "state")
    head, *rows = (f"| {' | '.join(row)} |" for row in (columns, *map(_row, METRICS.values())))
    return "\n".join([head, "|---" * len(columns) + "|", *rows])


def _row(kind: type[Metric]) -> tuple[str, ...]:
    return (
        f"`{kind.name}`",
        " ".join((kind.__doc__ or "").split("\n\n")[0].split()),
        {SINGLE: "one", MULTI: "several", EITHER: "either"}[kind.task],
        ", ".join(f"`{name}`" for name in kind(classes=("cat", "dog")).names),
        ", ".join(f"`{option}`" for option in kind.options()),
        kind.unit,
        kind.better or "",
        "all scores" if kind.keeps_scores else "counts or sums",
    )
