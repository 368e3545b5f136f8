"""Draws the learning rate of a config over its training, and the momentum where there is one.

    python -m jaxcls.tools.lr_curve --config=configs/resnet.py:cifar10 --out=lr.png
    python -m jaxcls.tools.lr_curve --config=configs/swin.py:swin_tiny --dataset_size=1281167 --out=lr.png

Nothing is trained. The data is opened for the number of its images alone, which --dataset_size gives, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxcls.inspect.schedules import Schedules, schedules
from jaxcls.tools.command_line import CommandLine, positive, start
from jaxcls.visualization import figures

_POINTS = 5000  # more of them would make a vector picture large


def figure(curves: Schedules, title: str | None = None, size: Sequence[float] = (8, 5)) -> Any:
    """The picture of the schedules."""
    both = {"learning rate": curves.lr, "momentum": curves.momentum}
    drawn = {name: values for name, values in both.items() if values is not None}
    if np.ptp(drawn.get("momentum", [0.0])) == 0:
        drawn.pop("momentum", None)
    made, panels = figures.panels(len(drawn), 1, size)
    shown = np.unique(np.linspace(0, len(curves.lr) - 1, _POINTS).astype(int))
    for panel, (name, values) in zip(panels, drawn.items(), strict=True):
        panel.plot(curves.places[shown], values[shown])
        panel.set_ylabel(name)
        panel.grid(alpha=0.3)
    panels[-1].set_xlabel("epoch" if curves.by_epoch else "iteration")
    made.suptitle(title or "")
    return made


def main(arguments: Sequence[str]) -> None:
    """The command line to one call."""
    line = CommandLine(__doc__, "lr_curve")
    line.add_config()
    line.add_argument("--dataset_size", type=positive, metavar="N", help="training images; default: the data's")
    line.add_argument("--out", default="lr_curve.png", help=f"the picture: {', '.join(figures.FORMATS)}")
    line.add_argument("--title", help="above the picture")
    line.add_argument("--style", help="one of matplotlib's")
    line.add_argument("--window_size", default="8*5", metavar="W*H", help="inches")
    options = line.options(arguments)
    out, size = figures.picture_file(options["out"]), figures.window_size(options["window_size"])
    with figures.style(options["style"]):
        curves = schedules(options["config"], options["dataset_size"])
        figures.write(figure(curves, options["title"], size), out)
    for name, values in (("learning rate", curves.lr), ("momentum", curves.momentum)):
        if values is not None:
            print(f"{name}: {values[0]:.4g} first, {values.max():.4g} most, {values[-1]:.4g} last")
    print(f"{len(curves.lr):,} iterations, {curves.iters_per_epoch:,} an epoch: {out}")


if __name__ == "__main__":
    start(main)
