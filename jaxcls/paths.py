"""Paths as a user types them."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePath

from jaxcls.errors import UserError

STORAGES = ("abfs", "az", "file", "gcs", "gs", "memory", "oci", "oss", "s3")  # as fsspec names them


def expand(path: str | os.PathLike) -> Path:
    """The absolute path; `~`, `~user`, `$NAME` and `${NAME}` are replaced, as a shell does.

    Every path that a user gives, in a config, on the command line or in Python, goes through this function.

    Raises:
        UserError: no path at all, an address of object storage, an unknown user, or a variable that is not set.
    """
    if not isinstance(path, str | os.PathLike) or "\0" in os.fspath(path):
        raise UserError(f"{path!r}: expected a path")
    text = os.path.expandvars(os.path.expanduser(os.fspath(path)))
    if os.path.lexists(text):  # a name may hold a dollar sign
        return Path(text).absolute()
    if scheme_of(path):
        raise UserError(
            f"{path}: an address, where a path on this machine is expected; train.py's --workdir and what reads a run "
            f"take addresses of object storage ({', '.join(f'{scheme}://' for scheme in STORAGES)})"
        )
    if isinstance(path, PurePath) and text.partition(":/")[0] in STORAGES:
        raise UserError(f"{path}: a Path makes one slash of the two of an address; give it as a text")
    if text.startswith("~"):
        raise UserError(f"{path}: there is no user {text[1:].partition('/')[0]!r}")
    if unset := re.search(r"\$(?:\w+|\{\w+\})", text):
        raise UserError(f"{path}: the environment variable {unset[0].strip('${}')} is not set")
    return Path(text).absolute()


def scheme_of(path: str | os.PathLike) -> str:
    """`gs` of `gs://bucket/run`; empty for a path on this machine, also where a file of such a name is there."""
    text = os.fspath(path)
    scheme, separator, _ = text.partition("://") if isinstance(text, str) else ("", "", "")
    return scheme if separator and not os.path.lexists(text) else ""


def is_stored(path: str | os.PathLike) -> bool:
    """Whether it is an address of object storage."""
    return scheme_of(path) in STORAGES


def output_file(path: str | os.PathLike, what: str) -> Path:
    """The absolute path of a file that is to be written later; said now where that cannot be.

    Args:
        path: as the user gives it.
        what: the flag or argument that it is of, for messages.

    Raises:
        UserError: its folder does not exist or cannot be written to, or it is a folder.
    """
    path = expand(path)
    if not os.path.isdir(path.parent):
        raise UserError(f"{what}: the folder {path.parent} does not exist")
    if os.path.isdir(path):
        raise UserError(f"{what}: {path} is a folder, expected a file")
    if not os.access(path if os.path.exists(path) else path.parent, os.W_OK):
        raise UserError(f"{what}: {path} cannot be written")
    return path


def output_folder(path: str | os.PathLike, what: str) -> Path:
    """The absolute path of a folder for files that are to be written later, made now.

    Args:
        path: as the user gives it.
        what: the flag or argument that it is of, for messages.

    Raises:
        UserError: it cannot be made or written to, or it is a file.
    """
    path = expand(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{what}: {path} cannot be made: {error.strerror}") from error
    if not os.access(path, os.W_OK):
        raise UserError(f"{what}: {path} cannot be written to")
    return path
