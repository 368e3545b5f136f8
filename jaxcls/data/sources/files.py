"""What the sources of image files have in common."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxcls.data.sources.base import Source, digest
from jaxcls.data.sources.text import read_lines
from jaxcls.errors import UserError
from jaxcls.paths import expand

# What `decode_image` reads everywhere.
EXTENSIONS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".jp2"),
)


class FileSource(Source):
    """Image files in a folder.

    The names lie in one block of bytes: millions of them take little memory, and little time to send to a process.

    Args:
        folder: where the names begin.
        names: the files' paths relative to it, n of them.
        labels: (n,) or (n, K).
        classes: K names.
    """

    def __init__(self, folder: Path, names: Sequence[str], labels: Any, classes: Sequence[str]) -> None:
        encoded = [os.fsencode(name) for name in names]
        self.classes = tuple(map(composed, classes))
        self._folder, self._names = str(folder), b"".join(encoded)
        self._ends = np.cumsum([0, *map(len, encoded)])
        self._labels = np.asarray(labels, np.int32)

    @property
    def labels(self) -> np.ndarray:
        """int32 (n,), or (n, K) with several labels an image."""
        return self._labels

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> dict[str, Any]:
        label = self._labels[index]
        return {"filename": self.path(index), "label": label if label.ndim else int(label)}

    def names_digest(self) -> str:
        """A fingerprint of the files' paths relative to the folder."""
        return digest(self._names, self._ends.tobytes())

    def path(self, index: int) -> str:
        """The file's absolute path."""
        index = range(len(self))[index]
        name = os.fsdecode(self._names[self._ends[index] : self._ends[index + 1]])
        return os.path.join(self._folder, name)


def image_folder(data_prefix: str) -> Path:
    """The folder's absolute path.

    Raises:
        UserError: there is none, or it cannot be reached.
    """
    folder = expand(data_prefix)
    where = f"data_prefix={str(data_prefix)!r}" + (f" ({folder})" if folder != Path(data_prefix).absolute() else "")
    try:
        is_folder = stat.S_ISDIR(folder.stat().st_mode)
    except OSError as error:
        reason = "no such folder" if isinstance(error, FileNotFoundError) else error.strerror
        raise UserError(f"{where}: {reason}") from error
    if not is_folder:
        raise UserError(f"{where}: a file, expected a folder")
    return folder


def class_names(classes: str | os.PathLike | Sequence[str] | None) -> tuple[str, ...] | None:
    """The names given, or read from a text file with one a line.

    Raises:
        UserError: the file cannot be read, or what is given are not names, each another.
    """
    if classes is None:
        return None
    if isinstance(classes, str | os.PathLike):
        where, given = str(expand(classes)), tuple(read_lines(classes))
    else:
        where, given = "classes", tuple(str(name) if isinstance(name, int) else name for name in classes)
    if not given:
        raise UserError(f"{where}: no class names in it, expected one or more")
    for number, name in enumerate(given, 1):
        if not (isinstance(name, str) and name and is_text(name)):
            raise UserError(f"{where}: name {number} is {name!r}, expected text")
    if len(set(given)) != len(given):
        twice = [name for name, count in Counter(given).items() if count > 1]
        raise UserError(f"{where}: {some(twice)} more than once; each class needs a name of its own")
    return tuple(map(composed, given))


def composed(name: str) -> str:
    """A class' name by which it is compared: folders that were made on macOS have the accents of letters apart."""
    return unicodedata.normalize("NFC", name)


def is_text(name: str) -> bool:
    """Whether a name can be written in UTF-8; a file's need not be."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def some(names: Sequence[str]) -> str:
    """The first five names, and how many more there are."""
    return ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
