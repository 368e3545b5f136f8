"""Files from the network, whole and unchanged or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import logging
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from jaxcls.errors import UserError

try:
    import fcntl
except ImportError:  # Windows: two processes that fetch the same file hinder each other there
    fcntl = None  # type: ignore[assignment]

_CHUNK = 2**20
_ATTEMPTS = 3  # each goes on where the one before was cut off
_SHA256 = re.compile(r'(?:W/)?"?([0-9a-f]{64})"?')
_log = logging.getLogger("jaxcls")


class Digest(NamedTuple):
    """The checksum of a file, hexadecimal, or how it begins."""

    algorithm: str
    value: str


class NotThereError(UserError):
    """The server has no such file."""


def fetch(url: str, path: Path, digest: Digest | None = None, timeout: float = 30.0) -> None:
    """Fetches `url` into the file `path`, whose folder is made, if it is not there.

    What was cut off goes on where it was, if the server's file is still the same. Of several processes one fetches,
    and the others wait.

    Args:
        url: http or https.
        path: the file; it appears when it is complete and its checksum is right.
        digest: the file's; None: the server's word for it, where it gives one.
        timeout: seconds without an answer.

    Raises:
        UserError: there is no network, or what came is not that file.
        NotThereError: there is no such file.
    """
    if path.exists():
        return
    made = [folder for folder in path.parents if not folder.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path):
            if not path.exists():
                _Download(url, path, digest, timeout).run()
    except (OSError, http.client.HTTPException, ValueError) as error:
        for folder in made:
            with contextlib.suppress(OSError):  # it holds what has come so far
                folder.rmdir()
        if isinstance(error, UserError):
            raise
        kind = NotThereError if isinstance(error, urllib.error.HTTPError) and error.code in (404, 410) else UserError
        raise kind(f"{path} is not there, and {url} cannot be downloaded: {error}; put the file there") from error


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """No other process is within for the same path; the system ends the lock of a process that dies."""
    lock = path.with_name(f"{path.name}.lock")
    with contextlib.ExitStack() as stack:
        while True:
            file = stack.enter_context(lock.open("w"))
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX)
            if lock.exists() and os.path.samestat(lock.stat(), os.fstat(file.fileno())):
                break  # else it is another one's, which has removed it
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Keeps what a server says of a file before it sends the request on to where the file lies."""

    sha256 = ""

    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
        found = _SHA256.fullmatch(headers.get("X-Linked-ETag", ""))
        self.sha256 = found[1] if found else self.sha256
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Download:
    """A download to a partial file whose name holds what tells the server's file from a later one."""

    def __init__(self, url: str, path: Path, digest: Digest | None, timeout: float) -> None:
        self._url, self._path, self._digest, self._timeout = url, path, digest, timeout
        self._redirects = _Redirects()
        self._opener = urllib.request.build_opener(self._redirects)

    def run(self) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                partial = self._go_on()
                break
            except urllib.error.HTTPError as error:
                if error.code != 416 or attempt == _ATTEMPTS:  # 416: what is there is longer than the file
                    raise
                self._discard()
            except (OSError, http.client.HTTPException):
                if attempt == _ATTEMPTS:
                    raise
        self._check(partial)
        partial.replace(self._path)
        self._discard()

    def _partials(self) -> list[Path]:
        prefix, suffix = f"{self._path.name}.", ".part"
        folder = self._path.parent.iterdir()
        return sorted(path for path in folder if path.name.startswith(prefix) and path.name.endswith(suffix))

    def _discard(self) -> None:
        for partial in self._partials():
            partial.unlink()

    def _go_on(self) -> Path:
        """Fetches what is not there yet."""
        there = next(iter(self._partials()), None)
        with self._opener.open(self._request(there), timeout=self._timeout) as answer:
            headers, done = answer.headers, 0
            if there is not None and answer.status == 206:
                partial, done = there, there.stat().st_size
                if not headers.get("Content-Range", "").startswith(f"bytes {done}-"):
                    raise OSError(f"the server goes on with {headers.get('Content-Range')}, not at {done}")
            else:
                self._discard()
                partial = self._partial(headers.get("ETag") or headers.get("Last-Modified") or "")
            _log.info("downloading %s to %s%s", self._url, self._path, f", from byte {done}" if done else "")
            with partial.open("ab") as file:
                while chunk := answer.read(_CHUNK):
                    file.write(chunk)
        expected, found = headers.get("Content-Length"), partial.stat().st_size - done
        if expected is not None and found != int(expected):
            raise OSError(f"the connection ended after {found} of {expected} bytes")
        self._digest = self._digest or self._word_of(headers.get("ETag", ""))
        return partial

    def _request(self, partial: Path | None) -> urllib.request.Request:
        """For the file or, where the server called a part of it by a precise name, for the rest."""
        headers = {"User-Agent": "jaxcls", "Accept-Encoding": "identity"}
        if partial is not None:
            tag = urllib.parse.unquote(partial.name.removeprefix(f"{self._path.name}.").removesuffix(".part"))
            if tag and not tag.startswith("W/"):
                headers |= {"Range": f"bytes={partial.stat().st_size}-", "If-Range": tag}
        return urllib.request.Request(self._url, headers=headers)

    def _partial(self, tag: str) -> Path:
        """The part of a file that the server calls so; a longer name would not do, and is as good as none."""
        quoted = urllib.parse.quote(tag, safe="")
        return self._path.with_name(f"{self._path.name}.{quoted if len(quoted) < 150 else ''}.part")

    def _word_of(self, tag: str) -> Digest | None:
        found = _SHA256.fullmatch(tag)
        value = self._redirects.sha256 or (found[1] if found else "")
        return Digest("sha256", value) if value else None

    def _check(self, partial: Path) -> None:
        if self._digest is None:
            return
        with partial.open("rb") as file:
            found = hashlib.file_digest(file, self._digest.algorithm).hexdigest()
        if not found.startswith(self._digest.value):
            partial.unlink()
            raise UserError(
                f"{self._url}: the {self._digest.algorithm} of what came is {found}, expected {self._digest.value}: "
                "damaged, or another file"
            )
