"""Results on paper: rounding, and the files that `evaluate.py --out` writes."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxcls.errors import UserError, close_names
from jaxcls.paths import expand, output_file
from jaxcls.ranks import best_class

# places after the decimal point of numbers in the JSON log and in evaluation results
DIGITS = 5
ITEMS = ("class_scores", "pred_score", "pred_label", "pred_class")
FORMATS = (".json", ".csv", ".npz")


def rounded(value: Any) -> Any:
    """What JSON can hold: floats to `DIGITS` places, arrays as lists; through dicts and lists."""
    if isinstance(value, Mapping):
        return {key: rounded(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [rounded(entry) for entry in value]
    if isinstance(value, float | np.floating):
        return round(float(value), DIGITS)
    return int(value) if isinstance(value, np.integer) else value


class Results:
    """Predictions of all images, and the file that they go to with the metrics' numbers.

    Args:
        path: ends in .json (one object), .csv (a row an image; the numbers in comment lines) or .npz (arrays).
        items: from `ITEMS`, or `all`, or `none`. An image whose scores are not finite has the label -1 and no class.

    Raises:
        UserError: another ending or item, or a folder that does not exist.
    """

    def __init__(self, path: str | os.PathLike, items: Sequence[str] = ("all",)) -> None:
        path = expand(path)
        if path.suffix not in FORMATS:
            raise UserError(f"--out: {path} ends in {path.suffix!r}; allowed: {', '.join(FORMATS)}")
        for item in items:
            if item not in (*ITEMS, "all", "none"):
                raise UserError(f"--out_items: {item!r}; {close_names(item, (*ITEMS, 'all', 'none'))}")
        self.path = output_file(path, "--out")
        self.items = ITEMS if "all" in items else tuple(item for item in ITEMS if item in items)
        self._scores: list[np.ndarray] = []

    def keep(self, predictions: Any) -> None:
        """Adds a batch's predictions."""
        if self.items:
            self._scores.append(predictions.scores)

    def write(self, numbers: Mapping[str, Any], classes: Sequence[str]) -> None:
        """Writes the file.

        Args:
            numbers: metric name -> number.
            classes: the classes' names.
        """
        columns = self._columns(classes)
        if self.path.suffix == ".json":
            listed = {name: rounded(values) if name != "pred_class" else values for name, values in columns.items()}
            self.path.write_text(json.dumps({**numbers, **listed}) + "\n")
        elif self.path.suffix == ".npz":
            arrays: dict[str, Any] = {name: np.asarray(value) for name, value in {**numbers, **columns}.items()}
            np.savez(self.path, **arrays)
        else:
            self._write_csv(numbers, columns)

    def _columns(self, classes: Sequence[str]) -> dict[str, Any]:
        if not self.items:
            return {}
        scores = np.concatenate(self._scores)
        labels = best_class(scores)
        made: dict[str, Any] = {
            "class_scores": scores,
            "pred_score": scores.max(axis=1),
            "pred_label": labels,
            "pred_class": [classes[label] if label >= 0 else "" for label in labels],
        }
        return {item: made[item] for item in self.items}

    def _write_csv(self, numbers: Mapping[str, Any], columns: Mapping[str, Any]) -> None:
        with self.path.open("w", newline="") as file:
            for name, value in numbers.items():
                file.write(f"# {name}: {value}\n")
            flat: dict[str, Any] = {}
            for name, values in columns.items():
                if name == "class_scores":
                    flat |= {f"score_{k}": values[:, k] for k in range(values.shape[1])}
                else:
                    flat[name] = values
            writer = csv.writer(file)
            writer.writerow(("index", *flat))
            writer.writerows((i, *row) for i, row in enumerate(zip(*flat.values(), strict=True)))
