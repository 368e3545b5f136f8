"""Writes a config file of MMClassification 0.x as a recipe of ours, which needs the original files no more.

    python -m jaxcls.tools.convert_config PATH/TO/resnet50_8xb32_in1k.py --out=configs/resnet50.py

Training by the recipe gives the same numbers as by `--config=configs/mmcls.py:PATH/TO/resnet50_8xb32_in1k.py`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from jaxcls import command
from jaxcls.errors import UserError
from jaxcls.mmcls import load_mmcls_config
from jaxcls.mmcls.writer import recipe_text
from jaxcls.paths import output_file


def convert_config(path: str | os.PathLike, out: str | os.PathLike) -> Path:
    """Writes the recipe.

    Args:
        path: the original file.
        out: the recipe's, .py.

    Returns:
        the recipe's file.

    Raises:
        UserError: as `load_mmcls_config`, or the recipe's file cannot be written.
    """
    file = output_file(out, "--out")
    if file.suffix != ".py":
        raise UserError(f"--out: {out}; expected a file that ends in .py")
    title = f"MMClassification 0.x's {Path(path).stem}."
    file.write_text(recipe_text(load_mmcls_config(path), title, os.fspath(out)), encoding="utf-8")
    return file


def main(arguments: Sequence[str]) -> None:
    """The command line to one call."""
    parser = argparse.ArgumentParser("python -m jaxcls.tools.convert_config", description=__doc__.partition("\n")[0])
    parser.add_argument("path", metavar="PATH", help="the original config file")
    parser.add_argument("--out", required=True, help="the recipe: a file that ends in .py")
    print(convert_config(**vars(parser.parse_args(arguments))))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        command.refuse(error)
