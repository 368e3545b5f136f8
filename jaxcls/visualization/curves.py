"""Curves of several runs, a panel a quantity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from jaxcls.inspect.logs import Log
from jaxcls.visualization import figures

_MARKED = 40  # up to so many points of a curve are marked


def figure(
    logs: Sequence[Log],
    keys: Sequence[str],
    legend: Sequence[str] = (),
    title: str | None = None,
    size: Sequence[float] | None = None,
) -> Any:
    """The picture of what runs logged: a colour a run, the training's line solid, the validation's broken.

    Args:
        logs: of the runs.
        keys: a panel each.
        legend: a name for each run, or for each key of each run, the runs one after the other; empty: the runs' own.
        title: above.
        size: (width, height) in inches; None: as many panels need.

    Raises:
        UserError: a run has not logged a key.
    """
    curves = [[log.curves(key) for key in keys] for log in logs]
    columns = math.ceil(math.sqrt(len(keys)))
    rows = math.ceil(len(keys) / columns)
    made, panels = figures.panels(rows, columns, size or (1 + 5 * columns, 1 + 3.5 * rows))
    for i, (key, panel) in enumerate(zip(keys, panels, strict=False)):
        for run, log in enumerate(logs):
            name = (legend[run] if len(legend) == len(logs) else legend[run * len(keys) + i]) if legend else log.name
            for mode, curve in curves[run][i].items():
                label = f"{name} ({mode})" if len(curves[run][i]) > 1 else name
                marker = "." if len(curve.x) <= _MARKED else ""
                line = "-" if mode == "train" else "--"
                panel.plot(curve.x, curve.y, line, marker=marker, color=f"C{run}", label=label)
        panel.set_ylabel(key)
        panel.set_xlabel("epoch" if all(log.by_epoch for log in logs) else "iteration")
        panel.grid(alpha=0.3)
        panel.legend(fontsize="small")
    for panel in panels[len(keys) :]:
        panel.remove()
    made.suptitle(title or "")
    return made
