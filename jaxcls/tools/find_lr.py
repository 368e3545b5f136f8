"""Finds a learning rate: trains while the rate grows, and draws the loss over it.

    python -m jaxcls.tools.find_lr --config=configs/resnet.py --out=find_lr.png
    python -m jaxcls.tools.find_lr --config=configs/vit.py --start_lr=1e-7 --end_lr=1 --iters=300

Two rates are suggested: where the loss falls fastest, and a tenth of the rate at which it is least. The run ends when
the loss has diverged; it leaves nothing but the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxcls.inspect.rate_test import RateTest, range_test
from jaxcls.tools.command_line import CommandLine, positive, start
from jaxcls.visualization import figures


def figure(test: RateTest, size: Sequence[float] = (8, 5)) -> Any:
    """The losses over the rates, and the two suggestions."""
    made, (panel,) = figures.panels(1, 1, size)
    panel.plot(test.lr, test.loss, alpha=0.3, color="C0", label="loss")
    panel.plot(test.lr, test.smoothed, color="C0", label="smoothed")
    panel.axvline(test.steepest, color="C1", linestyle="--", label=f"falls fastest: {test.steepest:.2g}")
    panel.axvline(test.tenth, color="C2", linestyle="--", label=f"a tenth of the least: {test.tenth:.2g}")
    panel.set_xscale("log")
    low, first = min(test.smoothed.min(), np.percentile(test.loss, 2)), test.smoothed[0]
    panel.set_ylim(low - 0.1 * (first - low), first + 0.5 * (first - low) + 1e-3)
    panel.set_xlabel("learning rate")
    panel.set_ylabel("loss")
    panel.grid(alpha=0.3)
    panel.legend()
    return made


def main(arguments: Sequence[str]) -> None:
    """The command line to one call."""
    line = CommandLine(__doc__, "find_lr")
    line.add_config()
    line.add_argument("--start_lr", type=float, default=1e-6, help="the first rate; default: 1e-6")
    line.add_argument("--end_lr", type=float, default=10.0, help="the last rate; default: 10")
    line.add_argument("--iters", type=positive, default=200, help="iterations at most; default: 200")
    line.add_argument("--out", default="find_lr.png", help=f"the picture: {', '.join(figures.FORMATS)}")
    options = line.options(arguments)
    out = figures.picture_file(options.pop("out"))
    test = range_test(**options)
    figures.write(figure(test), out)
    print(f"{len(test.lr)} iterations, rates {test.lr[0]:.2g} to {test.lr[-1]:.2g}: {out}")
    print(f"the loss falls fastest at {test.steepest:.3g}: --config.optimizer.lr={test.steepest:.2g}")
    print(f"a tenth of the rate with the least loss is {test.tenth:.3g}: --config.optimizer.lr={test.tenth:.2g}")


if __name__ == "__main__":
    start(main)
