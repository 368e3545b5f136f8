"""One folder a class."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import NamedTuple

from jaxcls.data.sources.files import composed, is_text, some
from jaxcls.data.sources.naming import chosen
from jaxcls.data.sources.walk import Walk
from jaxcls.errors import UserError

_log = logging.getLogger("jaxcls")


class Found(NamedTuple):
    """Image files, n of them, and their classes."""

    names: list[str]
    labels: list[int]
    classes: tuple[str, ...]


def read_folders(root: Path, classes: tuple[str, ...] | None, extensions: tuple[str, ...]) -> Found:
    """The images in and below the folders of `root`, hidden ones left out. A warning counts what else is there.

    Args:
        root: holds one folder a class.
        classes: the folders to read, in this order; None: all, in alphabetical order.
        extensions: of the images, in lower case.

    Raises:
        UserError: no folder, one without images, one that cannot be read, or a class without a folder.
    """
    folder_of = {composed(folder): folder for folder in _class_folders(root, extensions)}
    classes, _ = chosen(tuple(folder_of), classes, str(root), "class folders")
    folders = [folder_of[name] for name in classes]
    walk = Walk(root, folders, extensions)
    walk.problems.check()
    left_out = str(walk.left_out)
    if empty := [folder for folder, images in walk.images.items() if not images]:
        hint = f" (left out: {left_out})" if left_out else ""
        raise UserError(f"{root}: no image in class folder {some(empty)}; expected files {', '.join(extensions)}{hint}")
    if left_out:
        _log.warning("%s: left out: %s", root, left_out)
    names = [name for folder in folders for name in sorted(walk.images[folder])]
    labels = [label for label, folder in enumerate(folders) for _ in walk.images[folder]]
    return Found(names, labels, classes)


def _class_folders(root: Path, extensions: tuple[str, ...]) -> list[str]:
    """The names of the folders in `root`, in alphabetical order."""
    try:
        with os.scandir(root) as found:
            entries = {entry.name: os.path.isdir(entry.path) for entry in found if not entry.name.startswith(".")}
    except OSError as error:
        raise UserError(f"{root}: cannot be read: {error.strerror}") from error
    folders = sorted(name for name, is_folder in entries.items() if is_folder)
    files = sorted(entries.keys() - folders)
    if not folders:
        images = [name for name in files if name.lower().endswith(extensions)]
        lie = f", but images: {len(images):,} ({some(images)})" if images else ""
        raise UserError(f"{root}: no class folders in it{lie}; expected one a class, or give ann_file")
    if unwritable := [name for name in folders if not is_text(name)]:
        raise UserError(f"{root}: class folder {some(unwritable)}: the name is not UTF-8; rename the folder")
    if len(set(map(composed, folders))) < len(folders):
        raise UserError(f"{root}: two class folders whose names look the same, in two forms of Unicode; rename one")
    if files:
        _log.warning("%s: left out: files beside the class folders: %d (%s)", root, len(files), some(files))
    return folders
