"""The text log and what the environment was, in the original's form."""

from __future__ import annotations

import getpass
import logging
import os
import platform
import socket
import sys
from pathlib import Path
from typing import TextIO

import jax
import jaxlib

FORMAT = "%(asctime)s - %(name)s - %(levelname)s - %(message)s"


class _CurrentStderr(logging.StreamHandler):
    """Writes to what `sys.stderr` is at the time: a progress bar puts itself between, and stays below the lines."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _: TextIO) -> None:
        pass


class _Early(logging.Handler):
    """Keeps what is logged before there is a file for it."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def get_logger() -> logging.Logger:
    """The logger of this package; it writes to standard error, and to a file after `open_log`."""
    logger = logging.getLogger("jaxcls")
    if not logger.handlers:
        logger.setLevel(logging.INFO)
        logger.propagate = False
        _add(logger, _CurrentStderr())
    return logger


def _add(logger: logging.Logger, handler: logging.Handler) -> None:
    handler.setFormatter(logging.Formatter(FORMAT))
    logger.addHandler(handler)


def hold_log() -> logging.Logger:
    """The logger; what it is told from now on waits for the file that `open_log` opens. Only the first process logs."""
    logger = get_logger()
    _close(logger)
    logger.addHandler(_Early())
    logger.setLevel(logging.INFO if jax.process_index() == 0 else logging.ERROR)
    return logger


def open_log(path: Path) -> logging.Logger:
    """The logger, writing to `path`, beginning with what has waited for it, and to no file of an earlier run."""
    logger = get_logger()
    early = _close(logger)
    if jax.process_index() == 0:
        _add(logger, file := logging.FileHandler(path))
        for record in early:
            file.handle(record)
    return logger


def _close(logger: logging.Logger) -> list[logging.LogRecord]:
    """Closes the files of an earlier run; what has waited for one."""
    ending = [handler for handler in logger.handlers if isinstance(handler, logging.FileHandler | _Early)]
    for handler in ending:
        logger.removeHandler(handler)
        handler.close()
    return [record for handler in ending if isinstance(handler, _Early) for record in handler.records]


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
