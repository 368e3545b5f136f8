"""How the commands start and how they end when the user made a mistake."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

import jax
from absl import app, flags, logging

from jaxcls.engine.log import get_logger
from jaxcls.engine.runner.interruption import Interrupted
from jaxcls.errors import UserError
from jaxcls.paths import expand

# the status of a run that a signal stopped and that can be continued: EX_TEMPFAIL of sysexits.h
INTERRUPTED = 75


def run(main: Callable[[list[str]], None], arguments: list[str] | None = None) -> None:
    """Parses the flags and calls `main`; a mistake becomes one message on standard error and a status of 1.

    Args:
        main: takes what the flags left of the command line.
        arguments: the command line; default: the process's.
    """

    def guarded(rest: list[str]) -> None:
        get_logger()  # for warnings of what comes before a run
        logging.set_verbosity(logging.FATAL)  # Orbax tells much of what it does, and prints what it raises, too
        try:
            main(rest)
        except Interrupted as error:
            print(error, file=sys.stderr)
            sys.exit(INTERRUPTED)
        except UserError as error:
            _end_others(f"error: {error}")
            refuse(error)
        except Exception as error:
            _end_others(f"{traceback.format_exc()}error: this process or another one failed: {error}")
            raise

    app.run(guarded, argv=arguments, flags_parser=_parse)


def _end_others(message: str) -> None:
    """With several processes: ends this one at once, which the others notice; an ordered exit would wait for them."""
    if jax.distributed.is_initialized():
        print(message, file=sys.stderr, flush=True)
        os._exit(1)


def refuse(error: Exception | str) -> NoReturn:
    """Ends the process with the message."""
    sys.exit(f"error: {error}")


def _parse(arguments: list[str]) -> list[str]:
    """The flags, read; ml_collections raises errors of several kinds for configs and overrides that do not fit."""
    try:
        rest = flags.FLAGS([_with_expanded_config(argument) for argument in arguments])
        if flags.FLAGS.config is not None:
            flags.FLAGS.config.keys()  # a file that could not be loaded says so only now
        return rest
    except flags.Error as error:
        refuse(_last_cause(error))
    except (AttributeError, KeyError, TypeError, ValueError, OSError) as error:
        given = " ".join(argument for argument in arguments[1:] if argument.startswith(("--config", "-config")))
        refuse(f"{given}: {_last_cause(error)}")


def _with_expanded_config(argument: str) -> str:
    """`--config=~/mine.py:tiny`, which no shell expands, with the file's absolute path; others as they are."""
    flag, _, value = argument.partition("=")
    file, colon, variant = value.partition(":")
    if flag.lstrip("-") != "config" or not (file.startswith("~") or "$" in file):
        return argument
    return f"{flag}={expand(file)}{colon}{variant}"


def _last_cause(error: BaseException) -> str:
    """The message at the root of a chain, on one line and without the traceback that ml_collections puts into it."""
    while isinstance(error.args[0] if error.args else None, BaseException):
        error = error.args[0]
    message = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    if "Traceback" in message:
        message = message.strip().splitlines()[-1].partition(": ")[2]
    return " ".join(message.split())
