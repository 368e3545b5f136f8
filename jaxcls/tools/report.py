"""Writes a run, or several side by side, as one HTML file that opens anywhere.

    python -m jaxcls.tools.report work_dirs/resnet
    python -m jaxcls.tools.report work_dirs/resnet work_dirs/vit --split=test --out=report.html

Needs: pip install 'jaxcls[tools]'
"""

from __future__ import annotations

from collections.abc import Sequence

from jaxcls.report import write_report
from jaxcls.tools.command_line import CommandLine, positive, start


def main(arguments: Sequence[str]) -> None:
    """The command line to one call."""
    line = CommandLine(__doc__, "report")
    line.add_argument("workdirs", nargs="+", metavar="WORKDIR", help="the runs, side by side")
    line.add_argument("--out", metavar="FILE", help="default: report.html in the first work directory")
    line.add_argument("--split", choices=("val", "test"), help="what is evaluated; default: val, else test")
    line.add_argument("--shown", type=positive, default=400, help="pictures behind a confusion matrix; default: 400")
    print(write_report(**line.options(arguments)))


if __name__ == "__main__":
    start(main)
