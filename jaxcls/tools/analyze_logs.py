"""Draws what runs logged, or says how long they took.

    python -m jaxcls.tools.analyze_logs plot_curve work_dirs/a work_dirs/b --keys loss accuracy_top-1 --out=curves.png
    python -m jaxcls.tools.analyze_logs cal_train_time work_dirs/a [--include_outliers]

A run is a work directory or a .log.json file, the original's too. The flags are the original's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxcls.errors import UserError
from jaxcls.inspect.logs import Log
from jaxcls.tools.command_line import CommandLine, start
from jaxcls.visualization import curves, figures


def train_time(log: Log, include_outliers: bool = False) -> str:
    """What the original says of a run's time: the slowest and the fastest epoch, their spread, the mean of all lines.

    Args:
        log: of the run.
        include_outliers: whether the first line of each epoch counts.

    Raises:
        UserError: the log has no times.
    """
    times = log.epoch_times(include_outliers)
    means = {epoch: values.mean() for epoch, values in times.items()}
    slowest, fastest = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
    return "\n".join(
        (
            f"-----Analyze train time of {log.path}-----",
            f"slowest epoch {slowest}, average time is {means[slowest]:.4f}",
            f"fastest epoch {fastest}, average time is {means[fastest]:.4f}",
            f"time std over epochs is {np.std(list(means.values())):.4f}",
            f"average iter time: {np.concatenate(list(times.values())).mean():.4f} s/iter",
        )
    )


def plot_curve(
    runs: Sequence[str],
    keys: Sequence[str] = ("loss",),
    out: str = "curves.png",
    title: str | None = None,
    legend: Sequence[str] = (),
    style: str | None = None,
    window_size: str | None = None,
) -> None:
    """Writes the picture of what runs logged, a panel a key.

    Raises:
        UserError: a log that cannot be read, a key that is not in it, or another number of names.
    """
    path = figures.picture_file(out)
    if legend and len(legend) not in (len(runs), len(runs) * len(keys)):
        raise UserError(f"--legend: {len(legend)} names; expected {len(runs)}, one a run, or one a run and key")
    size = figures.window_size(window_size) if window_size else None
    with figures.style(style):
        figures.write(curves.figure([Log(run) for run in runs], keys, legend, title, size), path)
    print(path)


def main(arguments: Sequence[str]) -> None:
    """The command line to one call."""
    line = CommandLine(__doc__, "analyze_logs")
    tasks = line.add_subparsers(dest="task", required=True, metavar="plot_curve|cal_train_time")
    plot = tasks.add_parser("plot_curve", help="draw")
    times = tasks.add_parser("cal_train_time", help="say how long iterations took")
    for task in (plot, times):
        task.add_argument("runs", nargs="+", metavar="RUN", help="work directories or .log.json files")
    plot.add_argument("--keys", nargs="+", default=["loss"], help="of the log's lines; default: loss")
    plot.add_argument("--title", help="above the picture")
    plot.add_argument("--legend", nargs="+", default=(), help="a name for each run, or for each key of each run")
    plot.add_argument("--style", help="one of matplotlib's")
    plot.add_argument("--out", default="curves.png", help=f"the picture: {', '.join(figures.FORMATS)}")
    plot.add_argument("--window_size", metavar="W*H", help="inches")
    times.add_argument("--include_outliers", action="store_true", help="count each epoch's first line, too")
    options = line.options(arguments)
    if options.pop("task") == "plot_curve":
        options["keys"] = [key for text in options["keys"] for key in text.split(",")]
        plot_curve(**options)
    else:
        for run in options["runs"]:
            print(train_time(Log(run), options["include_outliers"]))


if __name__ == "__main__":
    start(main)
