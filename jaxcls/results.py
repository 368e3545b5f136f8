"""Results on paper: rounding, and the files that `evaluate.py --out` writes."""

from __future__ import annotations

import csv
import json
import os
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jaxcls.errors import UserError, close_names
from jaxcls.paths import expand, output_file
from jaxcls.ranks import best_class, ranking

# places after the decimal point of numbers in the JSON log and in evaluation results
DIGITS = 5
FORMATS = (".json", ".csv", ".npz")
_KEYS = ("label", "class", "score")
_ROWS = 1024  # images that are in memory at a time


def rounded(value: Any) -> Any:
    """What JSON can hold: floats to `DIGITS` places, arrays as lists; through dicts and lists."""
    if isinstance(value, Mapping):
        return {key: rounded(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [rounded(entry) for entry in value]
    if isinstance(value, float | np.floating):
        return round(float(value), DIGITS)
    return int(value) if isinstance(value, np.integer) else value


def best_classes(scores: np.ndarray, classes: Sequence[str], count: int) -> list[dict[str, Any]]:
    """The classes that rank first for an image: `label`, `class` and `score` of each.

    Args:
        scores: (K,).
        classes: K names.
        count: how many, at most K.
    """
    return [
        {"label": label, "class": classes[label], "score": float(scores[label])}
        for label in ranking(scores[None])[0, :count].tolist()
    ]


@dataclass(frozen=True)
class Rows:
    """Some of the images: `names` (of their files, or their numbers), `scores` (n, K), `labels` (n,) or (n, K)."""

    names: Sequence[str | int]
    scores: np.ndarray
    labels: np.ndarray
    classes: Sequence[str]
    topk: int

    def named(self, labels: np.ndarray) -> list[Any]:
        """The names of labels (n,), empty for -1; of labels (n, K) all that are there."""
        if labels.ndim == 2:
            return [[self.classes[k] for k in np.flatnonzero(row).tolist()] for row in labels]
        return [self.classes[label] if label >= 0 else "" for label in labels.tolist()]


# what of each image; an image whose scores are not finite has the label -1 and no class
_VALUES: dict[str, Callable[[Rows], list[Any]]] = {
    "image": lambda rows: list(rows.names),
    "gt_label": lambda rows: rows.labels.tolist(),
    "gt_class": lambda rows: rows.named(rows.labels),
    "pred_label": lambda rows: best_class(rows.scores).tolist(),
    "pred_class": lambda rows: rows.named(best_class(rows.scores)),
    "pred_score": lambda rows: rows.scores.max(1).tolist(),
    "topk": lambda rows: [best_classes(row, rows.classes, rows.topk) for row in rows.scores],
    "class_scores": lambda rows: rows.scores.tolist(),
}
ITEMS = tuple(_VALUES)


class Results:
    """Predictions of all images, and the file that they go to with the metrics' numbers.

    Scores wait in a temporary file, so that memory does not grow with the number of images.

    Args:
        path: ends in .json (one object: a list an item), .csv (a row an image; the numbers in comment lines) or .npz
            (an array an item).
        items: from `ITEMS`, or `all`, or `none`.
        topk: how many classes the item `topk` lists.

    Raises:
        UserError: another ending or item, or a folder that does not exist.
    """

    def __init__(self, path: str | os.PathLike, items: Sequence[str] = ("all",), topk: int = 5) -> None:
        path = expand(path)
        if path.suffix not in FORMATS:
            raise UserError(f"--out: {path} ends in {path.suffix!r}; allowed: {', '.join(FORMATS)}")
        for item in items:
            if item not in (*ITEMS, "all", "none"):
                raise UserError(f"--out_items: {item!r}; {close_names(item, (*ITEMS, 'all', 'none'))}")
        self.path: Path = output_file(path, "--out")
        self.items = ITEMS if "all" in items else tuple(item for item in ITEMS if item in items)
        self._topk, self._names = topk, None
        self._scores, self._labels = tempfile.TemporaryFile(), list[np.ndarray]()  # noqa: SIM115
        weakref.finalize(self, self._scores.close)

    def begin(self, dataset: Any) -> None:
        """Takes the names of the images from their files; without this, or without files, they are numbers."""
        self._names = dataset.source if "filename" in dataset.source[0] else None

    def keep(self, predictions: Any) -> None:
        """Adds a batch's predictions: `scores` (n, K) and `labels`."""
        self._scores.write(np.asarray(predictions.scores, np.float32).tobytes())
        self._labels.append(np.asarray(predictions.labels))

    def write(self, numbers: Mapping[str, Any], classes: Sequence[str]) -> None:
        """Writes the file.

        Args:
            numbers: metric name -> number.
            classes: the classes' names.
        """
        write = {".json": self._write_json, ".csv": self._write_csv, ".npz": self._write_npz}
        write[self.path.suffix](numbers, tuple(classes))

    def _rows(self, classes: tuple[str, ...]) -> Iterator[Rows]:
        labels = np.concatenate(self._labels) if self._labels else np.zeros(0, np.int32)
        self._scores.seek(0)
        for start in range(0, len(labels), _ROWS):
            some = labels[start : start + _ROWS]
            data = self._scores.read(len(some) * len(classes) * 4)
            numbers = range(start, start + len(some))
            names = [self._names[i]["filename"] for i in numbers] if self._names is not None else numbers
            yield Rows(names, np.frombuffer(data, np.float32).reshape(len(some), -1), some, classes, self._topk)

    def _write_json(self, numbers: Mapping[str, Any], classes: tuple[str, ...]) -> None:
        with self.path.open("w") as file:
            file.write(json.dumps(dict(numbers))[:-1])
            for i, item in enumerate(self.items):
                file.write(f"{', ' if i or numbers else ''}{json.dumps(item)}: [")
                for j, rows in enumerate(self._rows(classes)):
                    file.write(f"{', ' if j else ''}{json.dumps(_VALUES[item](rows))[1:-1]}")
                file.write("]")
            file.write("}\n")

    def _write_npz(self, numbers: Mapping[str, Any], classes: tuple[str, ...]) -> None:
        arrays: dict[str, Any] = {name: np.asarray(value) for name, value in numbers.items()}
        for item in self.items:
            values = [value for rows in self._rows(classes) for value in _array_values(item, rows)]
            if item == "topk":
                arrays |= {f"topk_{key}": np.asarray([[one[key] for one in best] for best in values]) for key in _KEYS}
            else:
                arrays[item] = np.asarray(values)
        np.savez(self.path, **arrays)

    def _write_csv(self, numbers: Mapping[str, Any], classes: tuple[str, ...]) -> None:
        with self.path.open("w", newline="") as file:
            for name, value in numbers.items():
                file.write(f"# {name}: {value}\n")
            writer = csv.writer(file)
            topk = min(self._topk, len(classes))
            writer.writerow(("index", *(name for item in self.items for name in _columns(item, len(classes), topk))))
            index = 0
            for rows in self._rows(classes):
                for values in zip(*(_VALUES[item](rows) for item in self.items), strict=True):
                    cells = (_cells(item, value) for item, value in zip(self.items, values, strict=True))
                    writer.writerow((index, *(cell for some in cells for cell in some)))
                    index += 1


def _columns(item: str, num_classes: int, topk: int) -> list[str]:
    if item == "class_scores":
        return [f"score_{k}" for k in range(num_classes)]
    if item == "topk":
        return [f"top{i + 1}_{key}" for i in range(topk) for key in _KEYS]
    return [item]


def _array_values(item: str, rows: Rows) -> Any:
    """As `_VALUES`, of types that make an array."""
    if item == "class_scores":
        return rows.scores
    values = _VALUES[item](rows)
    return [", ".join(names) for names in values] if item == "gt_class" and rows.labels.ndim == 2 else values


def _cells(item: str, value: Any) -> list[Any]:
    """Of one image."""
    if item == "class_scores":
        return value
    if item == "topk":
        return [entry for best in value for entry in best.values()]
    if isinstance(value, list):  # of several labels
        return [(" " if item == "gt_label" else ", ").join(map(str, value))]
    return [value]
