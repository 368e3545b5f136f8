"""How the commands start and how they end when the user made a mistake."""

from __future__ import annotations

import os
import select
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from absl import app, flags, logging

from jaxcls import config, cpu, stopping
from jaxcls.errors import UserError
from jaxcls.stopping import INTERRUPTED as INTERRUPTED

flags.disclaim_key_flags()  # those of `define_config` are the command's
_OVERRIDES = "config.KEY"


def define_config(text: str) -> None:
    """Defines `--config` and `--config.KEY=VALUE`, which `given_config` reads."""
    flags.DEFINE_string(
        "config", None, f"{text}: FILE.py, a recipe's name, FILE.py:ARGUMENT or NAME:ARGUMENT, or a saved config.json."
    )
    flags.DEFINE_multi_string(
        _OVERRIDES,
        [],
        "Sets one key, e.g. --config.optimizer.lr=0.05 --config.lr_config.step=[30,60]; see docs/config.md",
    )


def given_config(default: str | None = None) -> dict[str, Any]:
    """The config that the command line names, with its changes.

    Args:
        default: what `--config` is where it is not given; None: it has to be.

    Raises:
        UserError: it is not given, or cannot be read.
    """
    given = flags.FLAGS.config or default
    if given is None:
        raise UserError("--config is missing; give a recipe, such as --config=configs/resnet.py")
    overrides: list[str] = flags.FLAGS[_OVERRIDES].value or []
    return config.load_recipe(given, [config.Override(*text.partition("=")[::2]) for text in overrides])


def run(main: Callable[[], None]) -> None:
    """Parses the flags and calls `main`; a mistake becomes one message on standard error and a status of 1."""

    def guarded(rest: list[str]) -> None:
        cpu.restart_with_large_pages()
        with reported():
            if rest[1:]:
                hint = (
                    f"did you mean --config={rest[1]}?" if rest[1].endswith(".py") else "values with spaces need quotes"
                )
                raise UserError(f"{rest[1]!r} is no flag; {hint}")
            main()
        stopping.complete()

    stopping.announce()
    with piped():
        app.run(guarded, flags_parser=_parse)


@contextmanager
def piped() -> Iterator[None]:
    """Within the block the process ends without a word where nobody reads its output any more, as after `| head`."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        output = select.poll()
        output.register(sys.stdout.fileno(), 0)
        if not any(event & select.POLLERR for _, event in output.poll(0)):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left goes nowhere
        sys.exit(128 + signal.SIGPIPE)


@contextmanager
def reported() -> Iterator[None]:
    """Within the block a mistake becomes one message on standard error and a status of 1, a signal its own status."""
    from jaxcls.engine.log import get_logger  # loads JAX, which --help does not need

    get_logger()  # for warnings of what comes before a run
    logging.set_verbosity(logging.FATAL)  # Orbax tells much of what it does, and prints what it raises, too
    try:
        yield
    except KeyboardInterrupt as error:  # an `Interrupted`: other signals end the process before they come here
        print(error, file=sys.stderr)
        stopping.leave(getattr(error, "status", stopping.INTERRUPTED))
    except UserError as error:
        _end_others(f"error: {error}")
        refuse(error)
    except Exception as error:
        _end_others(f"{traceback.format_exc()}error: this process or another one failed: {error}")
        raise


def _end_others(message: str) -> None:
    """With several processes: ends this one at once, which the others notice; an ordered exit would wait for them."""
    jax = sys.modules.get("jax")
    if jax is not None and jax.distributed.is_initialized():
        print(message, file=sys.stderr, flush=True)
        os._exit(1)


def refuse(error: Exception | str) -> NoReturn:
    """Ends the process with the message."""
    sys.exit(f"error: {error}")


def _parse(arguments: list[str]) -> list[str]:
    """The flags, read; what they leave."""
    try:
        program, *rest = flags.FLAGS.read_flags_from_files(arguments, force_gnu=False)
        rest, overrides = config.split(["--help" if word == "-h" else word for word in rest])
        return flags.FLAGS([program, *(f"--{_OVERRIDES}={path}={text}" for path, text in overrides), *rest])
    except SystemExit:  # absl's --help, which is no failure
        sys.exit(0)
    except flags.UnrecognizedFlagError as error:
        refuse(f"{error}; --config.KEY=VALUE sets a key of the config, --help lists the flags")
    except (flags.Error, UserError) as error:
        refuse(error)
