"""A folder of images: one folder a class, or an annotation file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxcls.data.sources.base import Source
from jaxcls.errors import UserError


class CustomDataset(Source):
    """Image files, given by their path.

    Args:
        data_prefix: the folder with the images.
        ann_file: a text file of `path label` lines, paths relative to `data_prefix`. None: each folder in
            `data_prefix` is a class, in alphabetical order, with all images in and below it. Hidden files and folders
            are left out.
        classes: the names, or a text file with one a line. None: the folders' names, or the numbers in `ann_file`.
        extensions: of the image files in class folders, case ignored.
        test_mode: only a mark, as in the original.

    Raises:
        UserError: a missing file or folder, a class without images, an annotation that does not parse, or a count of
            classes that does not fit.
    """

    def __init__(
        self,
        data_prefix: str,
        ann_file: str | None = None,
        classes: str | Sequence[str] | None = None,
        extensions: Sequence[str] = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif"),
        test_mode: bool = False,
    ) -> None:
        self._folder = Path(data_prefix).absolute()
        if not self._folder.is_dir():
            raise UserError(f"data_prefix={data_prefix!r}: no such folder")
        if isinstance(classes, str):
            classes = _read_lines(classes)
        names = tuple(classes) if classes is not None else None
        if ann_file is None:
            self.classes, samples = _read_folders(self._folder, names, tuple(e.lower() for e in extensions))
        else:
            self.classes, samples = _read_annotations(ann_file, names)
        self._names = [name for name, _ in samples]
        self._labels = np.array([label for _, label in samples], np.int32)

    @property
    def labels(self) -> np.ndarray:
        """int32 (n,)."""
        return self._labels

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"filename": os.path.join(self._folder, self._names[index]), "label": int(self._labels[index])}


Found = tuple[tuple[str, ...], list[tuple[str, int]]]  # classes; path relative to data_prefix and label of each image


def _read_folders(root: Path, classes: tuple[str, ...] | None, extensions: tuple[str, ...]) -> Found:
    folders = sorted(entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if not folders:
        raise UserError(f"{root}: no class folders in it; expected one a class, or give ann_file")
    if classes is not None and len(classes) != len(folders):
        raise UserError(
            f"{root}: {len(folders)} class folders ({_some(folders)}), but {len(classes)} classes are given"
        )
    images = {folder: _images(root / folder, extensions) for folder in folders}
    if empty := [folder for folder in folders if not images[folder]]:
        raise UserError(f"{root}: no image in class folder {_some(empty)}; expected files {', '.join(extensions)}")
    samples = [(os.path.join(folder, name), label) for label, folder in enumerate(folders) for name in images[folder]]
    return classes or tuple(folders), samples


def _images(folder: Path, extensions: tuple[str, ...]) -> list[str]:
    return sorted(
        os.path.relpath(os.path.join(parent, name), folder)
        for parent, _, names in os.walk(folder, followlinks=True)
        for name in names
        if name.lower().endswith(extensions) and not name.startswith(".")
    )


def _read_annotations(ann_file: str, classes: tuple[str, ...] | None) -> Found:
    samples = []
    for number, line in enumerate(_read_lines(ann_file), 1):
        name, _, label = line.rpartition(" ")
        if not name.strip() or not label.isdecimal():
            raise UserError(f"{ann_file}:{number}: {line!r}: expected 'path label', the label a whole number")
        if classes is not None and int(label) >= len(classes):
            raise UserError(
                f"{ann_file}:{number}: label {label}, but there are {len(classes)} classes: 0..{len(classes) - 1}"
            )
        samples.append((name.strip(), int(label)))
    if not samples:
        raise UserError(f"{ann_file}: no annotations in it; expected lines 'path label'")
    return classes or tuple(str(label) for label in range(max(label for _, label in samples) + 1)), samples


def _read_lines(path: str) -> list[str]:
    try:
        return [line.strip() for line in Path(path).read_text(encoding="utf-8").rstrip().splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
