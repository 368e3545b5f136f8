"""Paths as a user types them."""

from __future__ import annotations

import os
import re
from pathlib import Path

from jaxcls.errors import UserError


def expand(path: str | os.PathLike) -> Path:
    """The absolute path; `~`, `~user`, `$NAME` and `${NAME}` are replaced, as a shell does.

    Every path that a user gives, in a config, on the command line or in Python, goes through this function.

    Raises:
        UserError: no path at all, an unknown user, or a variable that is not set.
    """
    if not isinstance(path, str | os.PathLike) or "\0" in os.fspath(path):
        raise UserError(f"{path!r}: expected a path")
    text = os.path.expandvars(os.path.expanduser(os.fspath(path)))
    if os.path.lexists(text):  # a name may hold a dollar sign
        return Path(text).absolute()
    if text.startswith("~"):
        raise UserError(f"{path}: there is no user {text[1:].partition('/')[0]!r}")
    if unset := re.search(r"\$(?:\w+|\{\w+\})", text):
        raise UserError(f"{path}: the environment variable {unset[0].strip('${}')} is not set")
    return Path(text).absolute()
