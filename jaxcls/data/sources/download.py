"""Files from the network, whole and unchanged or not at all."""

from __future__ import annotations

import hashlib
import http.client
import logging
import os
import urllib.request
from pathlib import Path

from jaxcls.errors import UserError

_CHUNK = 2**20
_log = logging.getLogger("jaxcls")


def fetch(url: str, path: Path, md5: str, timeout: float = 30.0) -> None:
    """Fetches `url` into the file `path`, whose folder is made.

    Args:
        url: http or https.
        path: the file; it appears when it is complete and its checksum is right.
        md5: the file's, hexadecimal.
        timeout: seconds without an answer.

    Raises:
        UserError: there is no network or no such file, or what came is not that file.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")  # another process may be fetching it too
    found = hashlib.md5(usedforsecurity=False)
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            _log.info("downloading %s to %s", url, path)
            path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                while chunk := answer.read(_CHUNK):
                    file.write(chunk)
                    found.update(chunk)
    except (OSError, http.client.HTTPException) as error:
        partial.unlink(missing_ok=True)
        raise UserError(f"{path} is not there, and {url} cannot be downloaded: {error}; put the file there") from error
    if found.hexdigest() != md5:
        partial.unlink()
        raise UserError(f"{url}: the md5 of what came is {found.hexdigest()}, expected {md5}: damaged, or another file")
    partial.replace(path)
