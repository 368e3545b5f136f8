"""Reads the file that `evaluate.py --out` writes."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxcls.errors import UserError
from jaxcls.paths import expand


class SavedScores(NamedTuple):
    """What an evaluation saved of n images.

    Attributes:
        scores: (n, K) float.
        labels: (n,), or (n, K) with several labels an image.
        images: the files, or their numbers.
        classes: K names; numbers where the file has no name.
    """

    scores: np.ndarray
    labels: np.ndarray
    images: list[str]
    classes: tuple[str, ...]


def read_scores(path: str | os.PathLike) -> SavedScores:
    """The scores and labels of a file, .json, .csv or .npz.

    Raises:
        UserError: there is no such file, or it lacks scores or labels.
    """
    path = expand(path)
    readers: dict[str, Callable[[Path], Mapping[str, Any]]] = {".json": _json, ".csv": _csv, ".npz": _npz}
    if path.suffix not in readers:
        raise UserError(f"{path}: ends in {path.suffix!r}; expected what evaluate.py --out writes: .json, .csv or .npz")
    if not path.is_file():
        raise UserError(f"{path} does not exist; expected what evaluate.py --out writes")
    try:
        items = readers[path.suffix](path)
    except (ValueError, KeyError, OSError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    if missing := [item for item in ("class_scores", "gt_label") if len(items.get(item, ())) == 0]:
        raise UserError(f"{path} has no {', no '.join(missing)}; write it with evaluate.py --out_items=all")
    scores, labels = np.asarray(items["class_scores"], np.float64), np.asarray(items["gt_label"])
    if scores.ndim != 2 or len(scores) != len(labels):
        raise UserError(f"{path}: class_scores {scores.shape} and gt_label {labels.shape} do not fit each other")
    images = items.get("image", range(len(scores)))
    return SavedScores(scores, labels, [str(image) for image in images], _classes(items, scores.shape[1]))


def _classes(items: Mapping[str, Any], count: int) -> tuple[str, ...]:
    """The names of classes that are some image's label or prediction."""
    names = {}
    for kind in ("gt", "pred"):
        labels = items.get(f"{kind}_label", ())
        for label, name in zip(labels, items.get(f"{kind}_class", ()), strict=False):
            if np.ndim(label) == 0 and label >= 0:
                names[int(label)] = str(name)
            elif np.ndim(label) == 1:
                listed = str(name).split(", ") if isinstance(name, str) else list(name)
                names.update(zip(np.flatnonzero(label).tolist(), listed, strict=False))
    return tuple(names.get(label, str(label)) for label in range(count))


def _json(path: Path) -> Mapping[str, Any]:
    items = json.loads(path.read_text())
    if not isinstance(items, dict):
        raise ValueError("expected one object")
    return items


def _npz(path: Path) -> Mapping[str, Any]:
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def _csv(path: Path) -> Mapping[str, Any]:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    columns: dict[str, list[Any]] = {key: [row[key] for row in rows] for key in (rows[0] if rows else ())}
    scores = [key for key in columns if key.startswith("score_")]
    items: dict[str, Any] = dict(columns)
    if scores:
        items["class_scores"] = [[float(row[key]) for key in scores] for row in rows]
    for key in ("gt_label", "pred_label"):
        if key in columns:
            labels = [[int(part) for part in text.split()] for text in columns[key]]
            is_one = key == "pred_label" or (len(scores) > 1 and all(len(label) == 1 for label in labels))
            items[key] = [label[0] for label in labels] if is_one else labels
    return items
