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


def open_log(path: Path) -> logging.Logger:
    """The logger, writing to `path` from now on and to no file of an earlier run. Only the first process logs."""
    logger = get_logger()
    for handler in [handler for handler in logger.handlers if isinstance(handler, logging.FileHandler)]:
        logger.removeHandler(handler)
        handler.close()
    if jax.process_index() == 0:
        _add(logger, logging.FileHandler(path))
    else:
        logger.setLevel(logging.ERROR)
    return logger


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
