"""The work directory of a run: whether one may begin there, and that it stays the only one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jaxcls.engine.checkpoints.storage import has_checkpoint
from jaxcls.engine.processes import is_first
from jaxcls.errors import UserError


def check_free(workdir: Path, continues: bool) -> None:
    """Refuses a folder in which another process trains, or whose checkpoints a new run would mix with its own.

    What a run left that ended before its first checkpoint is no hindrance.

    Args:
        workdir: perhaps not there yet.
        continues: whether the run goes on with what is there.

    Raises:
        UserError: it is not free.
    """
    if not continues and has_checkpoint(workdir):
        raise UserError(f"{workdir} holds a run already; continue it with --resume, or give another --workdir")
    if workdir.is_dir() and is_first():
        with held(workdir):
            pass


@contextmanager
def held(workdir: Path) -> Iterator[None]:
    """Holds the folder, so that no other run may, until the block or the process ends.

    One process does it for all of a run. Where the file system has no locks, nothing is held.

    Raises:
        UserError: another process holds it.
    """
    import fcntl  # not on Windows

    folder = os.open(workdir, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(folder)
        raise UserError(
            f"{workdir}: another process trains here; wait for its end, or give another --workdir"
        ) from None
    except OSError:
        pass
    try:
        yield
    finally:
        os.close(folder)
