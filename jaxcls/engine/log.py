"""The text log and what the environment was, in the original's form."""

from __future__ import annotations

import getpass
import logging
import os
import platform
import socket
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import jax
import jaxlib

ONLY_FILE = {"only_file": True}  # as `extra` of a record: standard error hears of it otherwise
FORMAT = "%(asctime)s - %(name)s - %(levelname)s - %(message)s"


class _CurrentStderr(logging.StreamHandler):
    """Writes to what `sys.stderr` is at the time: a progress bar puts itself between, and stays below the lines."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _: TextIO) -> None:
        pass


class _Waiting(logging.Handler):
    """Keeps the latest records until there is a file for them."""

    def __init__(self) -> None:
        super().__init__()
        self.records: deque[logging.LogRecord] = deque(maxlen=1000)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def get_logger() -> logging.Logger:
    """The logger of this package: it writes to standard error, and to the file of the run that is under way.

    What comes before the file is opened is written to it then.
    """
    logger = logging.getLogger("jaxcls")
    if not logger.handlers:
        logger.setLevel(logging.INFO)
        logger.propagate = False
        stderr = _CurrentStderr()
        stderr.addFilter(lambda record: not getattr(record, "only_file", False))
        _add(logger, stderr)
        logger.addHandler(_Waiting())
    return logger


def quiet_others() -> None:
    """From now on only the first process says more than errors."""
    get_logger().setLevel(logging.INFO if jax.process_index() == 0 else logging.ERROR)


@contextmanager
def quiet() -> Iterator[None]:
    """Standard error hears of warnings alone; files get all."""
    stderr = next(handler for handler in get_logger().handlers if isinstance(handler, _CurrentStderr))
    before = stderr.level
    stderr.setLevel(logging.WARNING)
    try:
        yield
    finally:
        stderr.setLevel(before)


def _add(logger: logging.Logger, handler: logging.Handler) -> None:
    handler.setFormatter(logging.Formatter(FORMAT))
    logger.addHandler(handler)


def open_log(path: Path) -> logging.Logger:
    """The logger, writing to `path`, first of all what has waited for it, and to no file of an earlier run."""
    logger = get_logger()
    waiting = _remove_file(logger)
    if jax.process_index() == 0:
        _add(logger, file := logging.FileHandler(path))
        for record in waiting:
            file.handle(record)
    return logger


def close_log() -> None:
    """Ends the file of a run. What comes now waits for the next one's, what came before without one does not."""
    logger = get_logger()
    _remove_file(logger)
    logger.addHandler(_Waiting())


def _remove_file(logger: logging.Logger) -> list[logging.LogRecord]:
    """Takes the file away from the logger; gives the records that have waited for one."""
    waiting: list[logging.LogRecord] = []
    for handler in list(logger.handlers):
        if isinstance(handler, logging.FileHandler | _Waiting):
            waiting += getattr(handler, "records", ())
            logger.removeHandler(handler)
            handler.close()
    return waiting


def last_timestamp(workdir: Path) -> str | None:
    """That of the newest log in a work directory; None where there is none."""
    names = sorted(path.name for path in workdir.glob("*.log.json"))
    return names[-1].removesuffix(".log.json") if names else None


def user_and_host() -> str:
    """`user@host`; containers may run under a number that has no name."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def env_info() -> str:
    """Versions and devices, one line each."""
    devices = jax.devices()
    return "\n".join(
        (
            f"sys.platform: {sys.platform}",
            f"Python: {platform.python_version()}",
            f"JAX: {jax.__version__}",
            f"jaxlib: {jaxlib.__version__}",
            f"Devices: {len(devices)} x {devices[0].device_kind} ({devices[0].platform})",
            f"Processes: {jax.process_count()}",
        )
    )
