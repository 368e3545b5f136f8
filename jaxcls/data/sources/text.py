"""Text files that users write: annotations, class names."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from typing import NoReturn

from jaxcls.errors import UserError
from jaxcls.paths import expand

SHOWN = 5  # problems in one message


def read_text(path: str | os.PathLike) -> str:
    """A UTF-8 file's content, without byte order marks.

    Raises:
        UserError: the file cannot be read, or is no UTF-8 text.
    """
    path = expand(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in data:
        raise UserError(f"{path}: UTF-16, or no text at all; expected a text file, saved as UTF-8")
    try:
        return data.decode().replace("\ufeff", "")  # files with such marks may have been put together
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}:{line}: byte {data[error.start]:#x} is not UTF-8; save the file as UTF-8") from error


def read_lines(path: str | os.PathLike) -> list[str]:
    """A text file's lines, stripped, without the empty ones at its end.

    Raises:
        UserError: see `read_text`.
    """
    text = read_text(path).rstrip().replace("\r\n", "\n").replace("\r", "\n")
    return [line.strip() for line in text.split("\n")] if text else []


def filled_lines(path: str | os.PathLike) -> Iterator[tuple[int, str]]:
    """(number from 1, line) of each line that is not empty.

    Raises:
        UserError: see `read_text`.
    """
    return ((number, line) for number, line in enumerate(read_lines(path), 1) if line)


class Problems:
    """What is wrong in a file: the first few places and how many more, in one message."""

    def __init__(self) -> None:
        self._count, self._shown = 0, list[str]()

    def add(self, place: str, problem: str) -> None:
        """Notes one; `place` is the file with the line's number, or what else leads to it."""
        self._count += 1
        if self._count <= SHOWN:
            self._shown.append(f"{place}: {problem}")

    def check(self) -> None:
        """Raises UserError where there are any."""
        if self._count:
            self._refuse()

    def _refuse(self) -> NoReturn:
        more = [f"and {self._count - SHOWN} more like these"] if self._count > SHOWN else []
        raise UserError("\n".join(self._shown + more))


def quoted(line: str) -> str:
    """The line in quotation marks, shortened."""
    return repr(line if len(line) <= 80 else f"{line[:77]}...")
