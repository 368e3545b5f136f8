"""The work directory of a run: where it is, whether one may begin there, and that it stays the only one."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jax

from jaxcls import object_storage
from jaxcls.engine.checkpoints.storage import has_checkpoint
from jaxcls.engine.log import get_logger
from jaxcls.engine.processes import is_first
from jaxcls.errors import UserError
from jaxcls.paths import expand, is_stored

SECONDS = 30.0  # from one look at what is to be sent to object storage to the next


@contextmanager
def opened(workdir: str | os.PathLike) -> Iterator[Path]:
    """The folder in which a run works; for an address of object storage a copy, which is sent while the run goes on.

    Raises:
        UserError: it cannot be read or, at the end, not be written; or several processes would each have a copy.
    """
    if not is_stored(workdir):
        yield expand(workdir)
        return
    if jax.process_count() > 1:
        raise UserError(f"{workdir}: several processes need a folder that all of them see; mount the bucket")
    copy = object_storage.copy_of(os.fspath(workdir))
    copy.pull()
    get_logger().info("%s: the run works in %s, which is sent there every %.0f s", workdir, copy.folder, SECONDS)
    with _sent(copy):
        yield copy.folder


@contextmanager
def _sent(copy: object_storage.Copy) -> Iterator[None]:
    """The copy goes to its address again and again within the block, and at its end."""
    ended = threading.Event()

    def send() -> None:
        while not ended.wait(SECONDS):
            try:
                copy.push()
            except UserError as error:  # the next time may do
                get_logger().warning("%s", error)

    def send_rest() -> None:
        ended.set()
        thread.join()
        get_logger().info("what is left of %s is sent", copy.folder)
        try:
            copy.push()
        except UserError as error:
            copy.kept = True
            raise UserError(f"{error}; all of the run is in {copy.folder}") from error

    thread = threading.Thread(target=send, name="object storage", daemon=True)
    thread.start()
    try:
        yield
    except BaseException:
        try:
            send_rest()
        except UserError as error:  # beside what has ended the run
            get_logger().error("%s", error)
        raise
    send_rest()


def check_free(workdir: Path, continues: bool, given: str | os.PathLike | None = None) -> None:
    """Refuses a folder in which another process trains, or whose checkpoints a new run would mix with its own.

    What a run left that ended before its first checkpoint is no hindrance.

    Args:
        workdir: perhaps not there yet.
        continues: whether the run goes on with what is there.
        given: what the user calls it, for the message; None: by its path.

    Raises:
        UserError: it is not free.
    """
    if not continues and has_checkpoint(workdir):
        raise UserError(f"{given or workdir} holds a run already; continue it with --resume, or give another --workdir")
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
