"""A folder's checksums in a file of its own, so that a flipped bit is found wherever it is."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

NAME = "checksums.json"


def write(folder: Path) -> None:
    """Notes the SHA-256 of each file in the folder's folders."""
    partial = folder / f"{NAME}.tmp"
    partial.write_text(json.dumps({str(path.relative_to(folder)): _sha256(path) for path in _files(folder)}))
    partial.replace(folder / NAME)


def verify(folder: Path) -> None:
    """Compares each file with what was noted; does nothing where nothing was.

    Raises:
        ValueError: a file that is missing or differs, or a note that is no JSON.
        OSError: a file that cannot be read.
    """
    if not (folder / NAME).exists():
        return
    for name, expected in json.loads((folder / NAME).read_text()).items():
        if not (folder / name).exists():
            raise ValueError(f"{name} is missing")
        if _sha256(folder / name) != expected:
            raise ValueError(f"{name} is not what was written: its checksum differs")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*/**/*") if path.is_file())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
