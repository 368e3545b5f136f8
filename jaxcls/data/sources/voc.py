"""PASCAL VOC 2007."""

from __future__ import annotations

import logging
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxcls.data.sources.files import FileSource, class_names, image_folder, some
from jaxcls.data.sources.text import Problems, filled_lines
from jaxcls.errors import UserError
from jaxcls.paths import expand

_log = logging.getLogger("jaxcls")


class VOC(FileSource):
    """PASCAL VOC 2007 (http://host.robots.ox.ac.uk/pascal/VOC/); `label` is int32 (20,): 1, 0, or -1.

    Args:
        data_prefix: the folder with `JPEGImages` and `Annotations`, as a rule `VOCdevkit/VOC2007`.
        ann_file: the file with the images' numbers, as `ImageSets/Main/trainval.txt`.
        difficult_as_postive: what a class is of which the image has difficult objects alone: 1 with True, 0 with
            False; None: -1, which the metrics ignore. The original's spelling.
        classes: the names, or a text file with one a line. None: VOC's 20.
        test_mode: only a mark, as in the original.

    Raises:
        UserError: a missing or damaged file.
    """

    CLASSES = (
        *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog"),
        *("horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
    )

    def __init__(
        self,
        data_prefix: str,
        ann_file: str,
        difficult_as_postive: bool | None = None,
        classes: str | Sequence[str] | None = None,
        test_mode: bool = False,
    ) -> None:
        folder, names = image_folder(data_prefix), class_names(classes) or self.CLASSES
        if difficult_as_postive not in (None, True, False):
            raise UserError(f"difficult_as_postive={difficult_as_postive!r}: expected None, True or False")
        difficult = -1 if difficult_as_postive is None else int(difficult_as_postive)
        numbers = [number for _, number in filled_lines(ann_file)]
        if not numbers:
            raise UserError(f"{expand(ann_file)}: no image numbers in it, expected one a line")
        objects = _read_objects(folder / "Annotations", numbers)
        if classes is None:
            _warn_of_unknown(str(folder), objects, names)
        matrix = [_row(found, names, difficult) for found in objects]
        super().__init__(folder, [f"JPEGImages/{number}.jpg" for number in numbers], matrix, names)


def _read_objects(folder: Path, numbers: Sequence[str]) -> list[list[tuple[str, bool]]]:
    """(class, whether it is difficult) of each object, image by image."""
    found, problems = [], Problems()
    for number in numbers:
        path = folder / f"{number}.xml"
        try:
            objects = ElementTree.parse(path).getroot().findall("object")
            found.append(
                [(o.findtext("name", "").strip(), o.findtext("difficult", "").strip() == "1") for o in objects]
            )
        except (OSError, ElementTree.ParseError, ValueError, LookupError) as error:  # the last two: of the encoding
            problems.add(str(path), f"cannot be read: {error}")
    problems.check()
    return found


def _row(objects: Sequence[tuple[str, bool]], classes: tuple[str, ...], difficult: int) -> np.ndarray:
    row = np.zeros(len(classes), np.int32)
    for name, is_difficult in sorted(objects, key=lambda entry: not entry[1]):  # one that is not difficult wins
        if name in classes:
            row[classes.index(name)] = difficult if is_difficult else 1
    return row


def _warn_of_unknown(folder: str, objects: Sequence[Sequence[tuple[str, bool]]], classes: Sequence[str]) -> None:
    if unknown := sorted({name for found in objects for name, _ in found} - set(classes)):
        _log.warning("%s: objects that are of none of VOC's classes count for nothing: %s", folder, some(unknown))
