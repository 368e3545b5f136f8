"""The command line of a tool, and how it starts."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from jaxcls import command, cpu, stopping
from jaxcls.arguments import LARGEST_SEED
from jaxcls.config import load_recipe, split
from jaxcls.errors import UserError, did_you_mean


class CommandLine(argparse.ArgumentParser):
    """Flags of a tool, `--flag=value` or `--flag value`; the original's spelling `--some-flag` is `--some_flag`, too.

    Args:
        doc: the tool's docstring, whose first lines `--help` shows.
        name: the tool's; a command of one has `prog` among the options instead.
    """

    def __init__(self, doc: str = "", name: str | None = None, **options: Any) -> None:
        options.setdefault("prog", sys.argv[0] if sys.argv[0] == f"jaxcls {name}" else f"python -m jaxcls.tools.{name}")
        style = argparse.RawDescriptionHelpFormatter
        super().__init__(description=doc, allow_abbrev=False, formatter_class=style, **options)

    def add_config(self, text: str = "The recipe", required: bool = True) -> None:
        """Adds `--config`, which `--config.KEY=VALUE` changes."""
        text = f"{text}: FILE.py or FILE.py:ARGUMENT, or a saved config.json; --config.KEY=VALUE changes a key"
        self.add_argument("--config", required=required, metavar="FILE", help=text)

    def options(self, arguments: Sequence[str]) -> dict[str, Any]:
        """Flag -> value; `config` as a dict.

        Raises:
            UserError: a flag or a value that cannot be.
        """
        rest, overrides = split([re.sub("^--[a-z-]+", _underscored, argument) for argument in arguments])
        parse = self.parse_args if self._subparsers else self.parse_intermixed_args
        options = vars(parse(rest))
        if options.get("config") is not None:
            options["config"] = load_recipe(options["config"], overrides)
        elif overrides:
            raise UserError(f"--config.{overrides[0].path}: changes a config, and --config is missing")
        return options

    def error(self, message: str) -> NoReturn:
        """Called with what is wrong."""
        unknown = re.search(r"unrecognized arguments: --(\w+)", message)
        hint = did_you_mean(f"--{unknown[1]}", self._option_string_actions) if unknown else ""
        raise UserError(f"{message}; {hint}--help lists the flags")


def _underscored(found: re.Match[str]) -> str:
    return "--" + found[0][2:].replace("-", "_")


def positive(text: str) -> int:
    """For a flag's `type`: a whole number from 1."""
    return whole(text, 1)


def natural(text: str) -> int:
    """For a flag's `type`: a whole number from 0."""
    return whole(text, 0)


def seed_number(text: str) -> int:
    """For a flag's `type`: a seed, as the config key `seed` takes it."""
    return whole(text, 0, LARGEST_SEED)


def whole(text: str, least: int, most: int | None = None) -> int:
    """For functions that are a flag's `type`: a whole number from `least`, perhaps to `most`.

    Raises:
        argparse.ArgumentTypeError: the text is none.
    """
    if not text.isdecimal() or int(text) < least or (most is not None and int(text) > most):
        to = "" if most is None else f" to {most}"
        raise argparse.ArgumentTypeError(f"{text!r}; expected a whole number from {least}{to}")
    return int(text)


def start(main: Callable[[Sequence[str]], None]) -> None:
    """Calls `main` with the command line; a mistake becomes one message on standard error and a status of 1."""
    cpu.restart_with_large_pages()
    stopping.announce()
    with command.piped(), command.reported():
        main(sys.argv[1:])
