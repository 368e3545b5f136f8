"""Several labels an image, from annotation files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxcls.data.sources.annotations import TOO_LARGE, class_limit, read_label_lists
from jaxcls.data.sources.files import FileSource, class_names, composed, image_folder, is_text, some
from jaxcls.data.sources.labels import relabelled
from jaxcls.data.sources.naming import chosen
from jaxcls.data.sources.text import Problems, quoted, read_text
from jaxcls.errors import UserError
from jaxcls.paths import expand

Entry = tuple[str, str, list[Any]]  # place in the annotation file, image path, labels
SHAPE = 'expected JSON with data_list, a list of {"img_path": "…", "gt_label": […]}'


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
        if expand(ann_file).suffix.lower() == ".json":
            entries, own_names = _read_json(ann_file)
        else:
            entries, own_names = read_label_lists(ann_file), None
        if not entries:
            raise UserError(f"{expand(ann_file)}: no annotations in it; expected lines 'path label,label,...'")
        own = own_names or given or _numbers(entries)
        names, places = chosen(own, given, str(expand(ann_file)))
        labels = relabelled(_matrix(entries, own), places, len(names))
        super().__init__(folder, [path for _, path, _ in entries], labels, names)


def _numbers(entries: Sequence[Entry]) -> tuple[str, ...]:
    """The classes `0`, `1`, ... up to the largest label."""
    labels = [label for _, _, labels in entries for label in labels]
    if named := [label for label in labels if isinstance(label, str)]:
        raise UserError(
            f"{entries[0][0]}: labels are names ({some(sorted(set(named)))}), but nothing says which number each has: "
            'add "metainfo": {"classes": […]} to the file, or give classes'
        )
    limit, problems = class_limit(labels, 1_000), Problems()
    for place, path, own in entries:
        for label in own:
            if label >= limit:
                problems.add(place, f"{path!r}: label {label}, {TOO_LARGE}")
    problems.check()
    return tuple(map(str, range(1 + max(labels, default=0))))


def _matrix(entries: Sequence[Entry], classes: tuple[str, ...]) -> np.ndarray:
    """int32 (n, K), 1 where an image has a class."""
    matrix, problems = np.zeros((len(entries), len(classes)), np.int32), Problems()
    numbers = {name: number for number, name in enumerate(classes)}
    for row, (place, path, labels) in zip(matrix, entries, strict=True):
        for label in labels:
            number = numbers.get(composed(label), -1) if isinstance(label, str) else label
            if 0 <= number < len(classes):
                row[number] = 1
            else:
                names = f" ({some(classes)})" if isinstance(label, str) else ""
                problems.add(place, f"{path!r}: label {label!r}, but the classes are 0..{len(classes) - 1}{names}")
    problems.check()
    return matrix


def _read_json(ann_file: str) -> tuple[list[Entry], tuple[str, ...] | None]:
    """The entries of MMPretrain's JSON, and the classes' names where it has them."""
    path, text = str(expand(ann_file)), read_text(ann_file)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: {SHAPE}: {error}") from error
    if not (isinstance(content, dict) and isinstance(content.get("data_list"), list)):
        raise UserError(f"{path}: {SHAPE}")
    entries, problems = [], Problems()
    for number, entry in enumerate(content["data_list"]):
        place = f"{path}: data_list[{number}]"
        if _is_entry(entry):
            entries.append((place, entry["img_path"], entry["gt_label"]))
        else:
            shape = '{"img_path": "…", "gt_label": […]}, the labels whole numbers or names'
            problems.add(place, f"{quoted(json.dumps(entry))}: expected {shape}")
    problems.check()
    return entries, _own_names(content.get("metainfo") or {}, path)


def _is_entry(entry: Any) -> bool:
    if not (isinstance(entry, dict) and isinstance(entry.get("img_path"), str) and is_text(entry["img_path"])):
        return False
    labels = entry.get("gt_label")
    return isinstance(labels, list) and all(type(label) in (int, str) for label in labels)  # True is an int, too


def _own_names(metainfo: Any, path: str) -> tuple[str, ...] | None:
    classes = metainfo.get("classes") if isinstance(metainfo, dict) else "none"
    if not isinstance(classes, list | None):
        raise UserError(f'{path}: metainfo: {quoted(json.dumps(metainfo))}: expected {{"classes": [names]}}')
    try:
        return class_names(classes)
    except UserError as error:
        raise UserError(f"{path}: metainfo: {error}") from error
