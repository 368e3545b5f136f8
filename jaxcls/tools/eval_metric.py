"""Computes metrics from the scores that `evaluate.py --out` saved, without the model and the data.

    python evaluate.py --ckpt=work_dirs/resnet --out=scores.npz
    python -m jaxcls.tools.eval_metric scores.npz --metrics precision recall --metric_options average_mode=none

The last line on standard output is one JSON object, metric name to number, as evaluate.py prints it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from jaxcls import results
from jaxcls.inspect.saved_scores import SavedScores, read_scores
from jaxcls.metrics import build_metrics, default_metric
from jaxcls.metrics.options import parsed_options
from jaxcls.tools.command_line import CommandLine, start


def eval_metric(
    saved: SavedScores, names: Sequence[str] | None = None, options: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Metric name -> number, as `jaxcls.evaluate_model` gives them.

    Args:
        saved: scores and labels.
        names: as in docs/metrics.md; None: the data's default.
        options: of the metrics.

    Raises:
        UserError: an unknown metric or option, or one that is not for these labels.
    """
    multi_label = saved.labels.ndim == 2
    chosen = names or default_metric(multi_label)
    metrics = build_metrics(chosen, options, multi_label=multi_label, classes=saved.classes, where="--")
    for metric in metrics:
        metric.update(saved.scores, saved.labels)
    return {name: value for metric in metrics for name, value in metric.compute().items()}


def main(arguments: Sequence[str]) -> None:
    """The command line to one call."""
    line = CommandLine(__doc__, "eval_metric")
    line.add_argument("scores", metavar="FILE", help="what evaluate.py --out wrote: .json, .csv or .npz")
    line.add_argument("--metrics", nargs="+", metavar="NAME", help="as in docs/metrics.md")
    line.add_argument("--metric_options", nargs="+", default=[], metavar="NAME=VALUE", help="of the metrics")
    options = line.options(arguments)
    names = [name for text in options["metrics"] or () for name in text.split(",")]
    numbers = eval_metric(read_scores(options["scores"]), names, parsed_options(options["metric_options"]))
    print(json.dumps(results.rounded(numbers)))


if __name__ == "__main__":
    start(main)
