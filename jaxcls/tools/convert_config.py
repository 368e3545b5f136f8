"""Writes a config file of MMClassification 0.x as a recipe of ours, which needs the original files no more.

    python -m jaxcls.tools.convert_config PATH/TO/resnet50_8xb32_in1k.py --out=configs/resnet50.py

Training by the recipe gives the same numbers as by `--config=configs/mmcls.py:PATH/TO/resnet50_8xb32_in1k.py`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from jaxcls.errors import UserError
from jaxcls.mmcls import translated
from jaxcls.mmcls.writer import recipe_text
from jaxcls.paths import output_file
from jaxcls.tools.command_line import CommandLine, start


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
    text = recipe_text(translated(path), f"{Path(path).stem} of MMClassification 0.x", os.fspath(out))
    file.write_text(text, encoding="utf-8")
    return file


def main(arguments: Sequence[str]) -> None:
    """The command line to one call."""
    parser = CommandLine(__doc__, "convert_config")
    parser.add_argument("path", metavar="PATH", help="the original config file")
    parser.add_argument("--out", required=True, help="the recipe: a file that ends in .py")
    print(convert_config(**parser.options(arguments)))


if __name__ == "__main__":
    start(main)
