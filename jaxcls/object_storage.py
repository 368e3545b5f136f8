"""Runs on object storage: addresses such as `gs://bucket/run`, `s3://bucket/run`, and what else fsspec knows.

A run works in a copy on this machine, which is sent again and again. `manifest.json` lists the files that belong
together. It is written when all that is new is there and before anything is changed or taken away, so that a reader
finds one state of the run, at whatever moment the machine is lost.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from jaxcls.errors import UserError

MANIFEST = "manifest.json"
_UNFINISHED = (".orbax-checkpoint-tmp", ".tmp")  # what Orbax and we rename when it is whole
_DEPTH = 2  # of a checkpoint's folder in its run

Version = list[int]  # of a file: its size, and when it changed, in nanoseconds


class Copy:
    """A run on object storage, and its folder on this machine, which goes when the process ends.

    Attributes:
        folder: the copy.
        kept: whether the folder stays.

    Args:
        address: of a run that is there, or that is to come.

    Raises:
        UserError: there is no such kind of storage, or its package is missing.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._storage, self._root = _storage(address)
        self.folder = Path(tempfile.mkdtemp(prefix="jaxcls-")) / PurePosixPath(self._root).name
        self.folder.mkdir()
        self.kept = False
        self._there: dict[str, Version] = {}  # name -> version of the run's files, as last read or written
        atexit.register(self._remove)

    def _remove(self) -> None:
        if not self.kept:
            shutil.rmtree(self.folder.parent, ignore_errors=True)

    def _at(self, name: str) -> str:
        return f"{self._root}/{name}"

    def pull(self) -> None:
        """Makes the copy what the run is, empty where none is there; what it has already is not read again.

        Raises:
            UserError: it cannot be read.
        """
        with _refusing(self._address, "read"):
            self._storage.invalidate_cache()
            exists = self._storage.exists(self._at(MANIFEST))
            files = json.loads(self._storage.cat_file(self._at(MANIFEST)))["files"] if exists else {}
            if outside := [name for name in files if ".." in PurePosixPath(name).parts or name.startswith("/")]:
                raise ValueError(f"{MANIFEST} lists what is not in the run: {', '.join(outside)}")
            for name, version in files.items():
                if self._there.get(name) != version:
                    _fetch(self._storage, self._at(name), self.folder / name)
                    os.utime(self.folder / name, ns=(version[1], version[1]))
        for name in self._there.keys() - files.keys():
            (self.folder / name).unlink(missing_ok=True)
        self._there = files

    def push(self) -> None:
        """Makes the run what the copy is, but for what is being written there.

        Raises:
            UserError: it cannot be written, or a file went away meanwhile; the next call does the rest.
        """
        with _refusing(self._address, "written"):
            here = _files(self.folder)
            if here == self._there:
                return
            for name in here.keys() - self._there.keys():
                self._storage.put_file(str(self.folder / name), self._at(name))
            self._storage.pipe_file(self._at(MANIFEST), json.dumps({"files": here}).encode())
            for name in here.keys() & self._there.keys():
                if here[name] != self._there[name]:
                    self._storage.put_file(str(self.folder / name), self._at(name))
            for name in self._there.keys() - here.keys():
                with contextlib.suppress(FileNotFoundError):
                    self._storage.rm_file(self._at(name))
            self._there = here


@contextmanager
def _refusing(address: str, done: str) -> Iterator[None]:
    """Each kind of storage has errors of its own, which share no class but Exception: all become a UserError."""
    try:
        yield
    except Exception as error:
        raise UserError(f"{address} cannot be {done}: {type(error).__name__}: {error}") from error


def _files(folder: Path) -> dict[str, Version]:
    """Name -> version of what is whole in a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not any(part in name for part in _UNFINISHED) and path.is_file():
            stat = path.stat()
            found[name] = [stat.st_size, stat.st_mtime_ns]
    return found


def _fetch(storage: Any, name: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    storage.get_file(name, str(path))


def _storage(address: str) -> tuple[Any, str]:
    """The file system of fsspec's for an address, and the path in it."""
    import fsspec

    options = {"auto_mkdir": True} if address.startswith("file:") else {}  # folders come by themselves, as in a bucket
    try:
        storage, path = fsspec.core.url_to_fs(address, **options)
    except (ValueError, ImportError) as error:
        raise UserError(f"{address}: {error}") from error
    return storage, path.rstrip("/")


@functools.cache
def _copy(address: str) -> Copy:
    return Copy(address)


def copy_of(address: str) -> Copy:
    """The copy of the run at an address; one a process."""
    storage, path = _storage(address)
    return _copy(storage.unstrip_protocol(path))


def fetched(address: str) -> Path:
    """A copy on this machine of what an address stands for: a run, a checkpoint or a file of one, or any single file.

    Raises:
        UserError: there is nothing, or it cannot be read.
    """
    storage, path = _storage(address)
    roots = [PurePosixPath(path), *PurePosixPath(path).parents][: _DEPTH + 1]
    with _refusing(address, "read"):
        root = next((root for root in roots if storage.exists(f"{root}/{MANIFEST}")), None)
        if root is None and storage.isfile(path):
            return _fetched_file(address)
    if root is None:
        raise UserError(f"{address}: neither a run nor a file is there")
    copy = _copy(storage.unstrip_protocol(str(root)))
    copy.pull()
    return copy.folder / PurePosixPath(path).relative_to(root)


@functools.cache
def _fetched_file(address: str) -> Path:
    storage, path = _storage(address)
    folder = Path(tempfile.mkdtemp(prefix="jaxcls-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _fetch(storage, path, folder / PurePosixPath(path).name)
    return folder / PurePosixPath(path).name
