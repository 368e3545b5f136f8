"""Writes a trained model as a program that runs without jaxcls: StableHLO or ONNX.

    python -m jaxcls.tools.export work_dirs/resnet --out=exported
    python -m jaxcls.tools.export work_dirs/resnet --out=exported --format=onnx --deploy
    python -m jaxcls.tools.export weights.pth --config=configs/resnet.py:imagenet2012 --out=exported

docs/export.md shows how to load it.
"""

from __future__ import annotations

from collections.abc import Sequence

from jaxcls.export import FORMATS, export_model
from jaxcls.inference import find_model
from jaxcls.tools.command_line import CommandLine, start


def main(arguments: Sequence[str]) -> None:
    """The command line to one call."""
    parser = CommandLine(__doc__, "export")
    ckpt = "a work directory, a checkpoint in it, a file of weights, or a model of the zoo"
    parser.add_argument("ckpt", metavar="WORKDIR|FILE|NAME", help=ckpt)
    parser.add_config("The network of a file of weights", required=False)
    parser.add_argument("--out", required=True, metavar="DIR", help="the folder to write")
    parser.add_argument("--format", default="stablehlo", choices=FORMATS)
    parser.add_argument("--deploy", action="store_true", help="branches merged and BatchNorm folded")
    parser.add_argument("--weights", choices=("ema", "raw"), help="default: averages where the run kept such")
    options = parser.options(arguments)
    model = find_model(options["ckpt"], options["config"], options["deploy"], options["weights"])
    print(export_model(model, options["out"], options["format"]))


if __name__ == "__main__":
    start(main)
