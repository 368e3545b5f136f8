"""Writes a trained model as a program that runs without jaxcls: StableHLO or ONNX.

    python -m jaxcls.tools.export work_dirs/resnet --out=exported
    python -m jaxcls.tools.export resnet50.pth --config=resnet50 --out=exported --format=onnx --deploy

docs/export.md shows how to load it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from jaxcls import command
from jaxcls.errors import UserError
from jaxcls.export import FORMATS, export_model
from jaxcls.inference import open_model


def main(arguments: Sequence[str]) -> None:
    """The command line to one call."""
    parser = argparse.ArgumentParser("python -m jaxcls.tools.export", description=__doc__.partition("\n")[0])
    parser.add_argument("ckpt", metavar="WORKDIR|FILE|NAME", help="a work directory, a checkpoint, weights or a model")
    parser.add_argument("--out", required=True, help="the folder to write")
    parser.add_argument("--config", help="of a FILE of weights: a recipe, or a model's name")
    parser.add_argument("--format", default="stablehlo", choices=FORMATS)
    parser.add_argument("--deploy", action="store_true", help="merge branches and fold BatchNorm first")
    parser.add_argument("--raw", action="store_true", help="the raw weights where the run kept averages")
    given = parser.parse_args(arguments)
    model = open_model(given.ckpt, config=given.config, raw=given.raw)
    print(export_model(model, given.out, given.format, given.deploy))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        command.refuse(error)
