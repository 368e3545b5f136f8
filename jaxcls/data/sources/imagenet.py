"""ImageNet, 1,000 classes (https://arxiv.org/abs/1409.0575), and ImageNet-21k."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from jaxcls.data.sources.annotations import read_annotations
from jaxcls.data.sources.files import EXTENSIONS, FileSource, class_names, image_folder
from jaxcls.data.sources.folders import Found, read_folders
from jaxcls.errors import UserError


class ImageNet(FileSource):
    """ImageNet's training or validation images.

    Args:
        data_prefix: the folder with the images.
        ann_file: a text file of `path label` lines, as `meta/train.txt` and `meta/val.txt`. None: one folder a class.
        classes: names, or a text file with one a line. Of class folders: which of them to read, in which order. Of an
            annotation file: the names of the labels 0, 1, ... None: the folders' names (`n01440764`, ...), where the
            images are in folders, else the numbers; then there have to be 1,000.
        test_mode: only a mark, as in the original.

    Raises:
        UserError: a missing file or folder, or classes that do not fit.
    """

    def __init__(
        self,
        data_prefix: str,
        ann_file: str | None = None,
        classes: str | Sequence[str] | None = None,
        test_mode: bool = False,
    ) -> None:
        folder, names, found = _read(data_prefix, ann_file, classes)
        if names is None:
            found = found._replace(classes=_named_by_folder(found))
            if len(found.classes) != 1000:
                raise UserError(
                    f"{ann_file or folder}: {len(found.classes)} classes, but ImageNet has 1,000; give the classes "
                    "of a part of it, and use CustomDataset for data of your own"
                )
        super().__init__(folder, *found)


class ImageNet21k(FileSource):
    """ImageNet-21k, in whatever part of its classes is there.

    Args:
        data_prefix: the folder with the images.
        ann_file: a text file of `path label` lines. None: one folder a class; then all folders are read, which takes
            long.
        classes: as `ImageNet`'s. None: the folders' names, else the numbers.
        serialize_data: of no effect; names always lie in one block, as the original's with True.
        recursion_subdir: as in the original, True.
        test_mode: only a mark, as in the original.

    Raises:
        UserError: a missing file or folder, or classes that do not fit.
    """

    def __init__(
        self,
        data_prefix: str,
        ann_file: str | None = None,
        classes: str | Sequence[str] | None = None,
        serialize_data: bool = True,
        recursion_subdir: bool = True,
        test_mode: bool = False,
    ) -> None:
        if not recursion_subdir:
            raise UserError("recursion_subdir=False: all images below a class folder are taken")
        folder, names, found = _read(data_prefix, ann_file, classes)
        super().__init__(folder, found.names, found.labels, names or _named_by_folder(found))


def _read(
    data_prefix: str, ann_file: str | None, classes: str | Sequence[str] | None
) -> tuple[Path, tuple[str, ...] | None, Found]:
    """(image folder, given class names, what the folder or the annotation file lists)."""
    folder, names = image_folder(data_prefix), class_names(classes)
    found = read_folders(folder, names, EXTENSIONS) if ann_file is None else read_annotations(ann_file, names)
    return folder, names, found


def _named_by_folder(found: Found) -> tuple[str, ...]:
    """The classes' names, where each class has one first folder of its own in the images' paths."""
    firsts = (os.path.dirname(name).partition("/")[0] for name in found.names)
    folders = set(zip(found.labels, firsts, strict=True))
    if len(folders) == len(found.classes) == len({folder for _, folder in folders} - {""}):
        return tuple(folder for _, folder in sorted(folders))
    return found.classes
