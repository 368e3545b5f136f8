"""Several labels an image: annotation files, and PASCAL VOC."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxcls.data.sources.files import FileSource, class_names, image_folder, read_lines
from jaxcls.data.sources.labels import relabelled
from jaxcls.data.sources.naming import chosen
from jaxcls.errors import UserError
from jaxcls.paths import expand


class MultiLabelDataset(FileSource):
    """Image files with any number of labels; `label` is int32 (K,), 0 or 1.

    Args:
        data_prefix: the folder with the images.
        ann_file: a text file of lines `path label,label,...` (`path -` without labels), or a JSON file as in
            MMPretrain 1.x: `{"metainfo": {"classes": [...]}, "data_list": [{"img_path": ..., "gt_label": [...]}]}`,
            the labels numbers or names.
        classes: the names, or a text file with one a line; where the JSON file names its classes, which of them, in
            which order. None: the JSON file's, or the numbers.
        test_mode: only a mark, as in the original.

    Raises:
        UserError: a missing file or folder, an annotation that does not parse, or a label beyond the classes.
    """

    def __init__(
        self, data_prefix: str, ann_file: str, classes: str | Sequence[str] | None = None, test_mode: bool = False
    ) -> None:
        folder, given = image_folder(data_prefix), class_names(classes)
        names = given
        if ann_file.endswith(".json"):
            entries, own_names = _read_json(ann_file)
            names = own_names or given
        else:
            entries = [_parse(line, f"{ann_file}:{number}") for number, line in enumerate(read_lines(ann_file), 1)]
        if not entries:
            raise UserError(f"{ann_file}: no annotations in it; expected lines 'path label,label,...'")
        if names is None:
            names = tuple(map(str, range(1 + max((label for _, labels in entries for label in labels), default=0))))
        matrix = np.stack([_row(labels, names, f"{ann_file}: {path!r}") for path, labels in entries])
        names, places = chosen(names, given, ann_file)
        super().__init__(folder, [path for path, _ in entries], relabelled(matrix, places, len(names)), names)


def _parse(line: str, where: str) -> tuple[str, list[Any]]:
    path, _, labels = line.rpartition(" ")
    numbers = [] if labels == "-" else labels.split(",")
    if not path or not all(number.isdecimal() for number in numbers):
        raise UserError(f"{where}: {line!r}: expected 'path label,label,...', whole numbers, or 'path -'")
    return path.strip(), list(map(int, numbers))


def _read_json(ann_file: str) -> tuple[list[tuple[str, list[Any]]], tuple[str, ...] | None]:
    try:
        content = json.loads(expand(ann_file).read_text(encoding="utf-8"))
        entries = [(entry["img_path"], list(entry["gt_label"])) for entry in content["data_list"]]
        classes = content.get("metainfo", {}).get("classes")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{expand(ann_file)}: expected JSON with data_list, img_path and gt_label: {error!r}"
        ) from error
    return entries, None if classes is None else tuple(classes)


def _row(labels: Sequence[Any], classes: tuple[str, ...], where: str) -> np.ndarray:
    row = np.zeros(len(classes), np.int32)
    for label in labels:
        if label in classes:
            row[classes.index(label)] = 1
        elif isinstance(label, int) and 0 <= label < len(classes):
            row[label] = 1
        else:
            raise UserError(f"{where}: label {label!r}, but the classes are 0..{len(classes) - 1}")
    return row


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
        difficult = {None: -1, True: 1, False: 0}[difficult_as_postive]
        numbers = read_lines(ann_file)
        matrix = [_objects(folder / "Annotations" / f"{number}.xml", names, difficult) for number in numbers]
        super().__init__(folder, [f"JPEGImages/{number}.jpg" for number in numbers], matrix, names)


def _objects(path: Path, classes: tuple[str, ...], difficult: int) -> np.ndarray:
    row = np.zeros(len(classes), np.int32)
    try:
        objects = ElementTree.parse(path).getroot().findall("object")
    except (OSError, ElementTree.ParseError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    found = [(thing.findtext("name"), thing.findtext("difficult", "0").strip() == "1") for thing in objects]
    for name, is_difficult in sorted(found, key=lambda entry: not entry[1]):  # one that is not difficult wins
        if name in classes:
            row[classes.index(name)] = difficult if is_difficult else 1
    return row
