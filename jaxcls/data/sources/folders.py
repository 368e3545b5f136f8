"""One folder a class."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from jaxcls.data.sources.files import some
from jaxcls.data.sources.naming import chosen
from jaxcls.errors import UserError


class Found(NamedTuple):
    """Image files, n of them, and their classes."""

    names: list[str]
    labels: list[int]
    classes: tuple[str, ...]


def read_folders(root: Path, classes: tuple[str, ...] | None, extensions: tuple[str, ...]) -> Found:
    """The images in and below the folders of `root`, hidden ones left out.

    Args:
        root: holds one folder a class.
        classes: the folders to read, in this order; None: all, in alphabetical order.
        extensions: of the images.

    Raises:
        UserError: no folder, one without images, or a class without a folder.
    """
    found = sorted(entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if not found:
        raise UserError(f"{root}: no class folders in it; expected one a class, or give ann_file")
    folders, _ = chosen(found, classes, str(root), "class folders")
    images = {folder: _images(root / folder, extensions) for folder in folders}
    if empty := [folder for folder in folders if not images[folder]]:
        raise UserError(f"{root}: no image in class folder {some(empty)}; expected files {', '.join(extensions)}")
    names = [os.path.join(folder, name) for folder in folders for name in images[folder]]
    labels = [label for label, folder in enumerate(folders) for _ in images[folder]]
    return Found(names, labels, folders)


def _images(folder: Path, extensions: tuple[str, ...]) -> list[str]:
    return sorted(
        os.path.relpath(os.path.join(parent, name), folder)
        for parent, _, names in os.walk(folder, followlinks=True)
        for name in names
        if name.lower().endswith(extensions) and not name.startswith(".")
    )
