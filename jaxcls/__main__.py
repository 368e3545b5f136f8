"""Trains image classifiers, evaluates and uses them.

    jaxcls train --config=resnet                              # real images that come with scikit-learn
    jaxcls train --config=resnet:cifar10 --workdir=runs/a     # a variant of a recipe
    jaxcls train --config=finetune:swin_tiny,path/to/pictures # pictures of your own, one folder a class
    jaxcls evaluate --ckpt=runs/a
    jaxcls predict cat.jpg --ckpt=runs/a
    jaxcls report runs/a

`--config` takes the name of a recipe, or FILE.py. `jaxcls COMMAND --help` lists the flags of a command.
"""

from __future__ import annotations

import importlib
import runpy
import sys

from jaxcls import __version__
from jaxcls.errors import close_names
from jaxcls.shipped import recipes
from jaxcls.tools.commands import COMMANDS, NAMES, SCRIPTS, source, summary


def main() -> None:
    """Runs the command that the first argument names."""
    name, *rest = sys.argv[1:] or ["--help"]
    if name in ("--help", "-h", "help"):
        print(_help())
    elif name == "--version":
        print(__version__)
    elif (name := name.replace("-", "_")) in NAMES:
        _start(name, rest)
    else:
        sys.exit(f"error: {sys.argv[1]!r} is no command; {close_names(name, NAMES)}")


def _start(name: str, arguments: list[str]) -> None:
    sys.argv = [f"jaxcls {name}", *arguments]
    if name in SCRIPTS:
        runpy.run_path(str(source(name)), run_name="__main__")
        return
    from jaxcls.tools.command_line import start

    start(importlib.import_module(f"jaxcls.tools.{name}").main)


def _help() -> str:
    width = max(map(len, NAMES))
    groups = [
        "\n".join([f"{group}:", *(f"  {name:{width}}  {summary(name)}" for name in names)])
        for group, names in COMMANDS.items()
    ]
    return "\n\n".join([(__doc__ or "").rstrip(), *groups, f"Recipes: {', '.join(recipes())}"])


if __name__ == "__main__":
    main()
