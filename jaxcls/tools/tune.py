"""Searches for settings: rate, weight decay and mixing of images, or whatever --search names.

    python -m jaxcls.tools.tune --config=configs/resnet.py --trials=9 --workdir=work_dirs/tune
    python -m jaxcls.tools.tune --config=configs/resnet.py --workdir=DIR --search optimizer.lr=1e-2..1 seed=[0,1,2]

Trials are drawn at random; the first is the config as it is. All train for a short time, the best third (--eta) three
times as long, and so on, up to the config's length (--length); schedules are shortened with the training. They are
compared on a fifth (--num_splits) of the training data, which they do not see; data.val and data.test stay untouched.
The last line is the best trial as flags of train.py. Run again, the command goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from jaxcls.inspect.tuning import Tuning, parsed
from jaxcls.paths import expand
from jaxcls.tools.command_line import CommandLine, positive, start


def table(tuning: Tuning) -> Table:
    """The trials, the best first: what they change, and their score in each rung."""
    paths = list(dict.fromkeys(change.path for trial in tuning.trials for change in trial.changes))
    made = Table(*paths, box=None, pad_edge=False)
    for _, length in tuning.rungs:
        made.add_column(str(length), justify="right")
    for trial in tuning.trials:
        values = {change.path: change.text for change in trial.changes}
        scores = [f"{score:.4f}" for score in trial.scores] + (["failed"] if trial.error else [])
        made.add_row(*(values.get(path, "") for path in paths), *scores)
    return made


def main(arguments: Sequence[str]) -> None:
    """The command line to one call."""
    line = CommandLine(__doc__, "tune")
    line.add_config()
    line.add_argument("--workdir", required=True, help="a folder for the runs")
    line.add_argument("--search", nargs="+", default=[], metavar="KEY=VALUES", help="LOW..HIGH, or a list of values")
    line.add_argument("--trials", type=positive, default=9, help="how many; default: 9")
    line.add_argument("--eta", type=positive, default=3, help="1 / eta of a rung goes on; default: 3")
    line.add_argument(
        "--length", type=positive, help="of the last rung, in epochs or iterations; default: the config's"
    )
    line.add_argument("--num_splits", type=positive, default=5, help="parts of the training data; default: 5")
    line.add_argument("--monitor", metavar="NUMBER", help="what to compare by; default: the evaluation's first number")
    options = line.options(arguments)
    tuning = Tuning(
        options["config"],
        expand(options["workdir"]),
        [parsed(text) for text in options["search"]],
        options["trials"],
        options["eta"],
        options["length"],
        options["num_splits"],
        options["monitor"],
    )
    tuning.run(print)
    name = tuning.number.name if tuning.number else ""
    print(f"{name} after so long, the best first; empty: as the config has it")
    Console(width=None if Console().is_terminal else 160).print(table(tuning))
    print(tuning.trials[0].flags or "the config as it is")


if __name__ == "__main__":
    start(main)
