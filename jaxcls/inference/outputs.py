"""Where predictions go: files, a terminal, and pictures."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from jaxcls.errors import UserError
from jaxcls.inference.preprocess import Preprocess, ReadImage
from jaxcls.paths import expand, output_file, output_folder
from jaxcls.results import best_classes
from jaxcls.visualization.pictures import Line, captioned

Entry = dict[str, Any]
_BAR, _FULL = 20, 20  # characters of a full bar; images up to which each has a table
_EIGHTHS = " ▏▎▍▌▋▊▉"


def entry_of(image: str, result: dict[str, Any], classes: Sequence[str], topk: int) -> Entry:
    """What a file says of an image: `image`, then `pred_label`, `pred_class`, `pred_score` and `topk`, or `error`.

    Args:
        image: its path.
        result: one of `jaxcls.inference.predictions`.
        classes: K names.
        topk: how many of the best classes to list.
    """
    if "error" in result:
        return {"image": image, "error": result["error"]}
    if result["pred_label"] < 0:
        return {"image": image, "error": "the scores are not finite"}
    named = {key: result[key] for key in ("pred_label", "pred_class", "pred_score")}
    return {"image": image, **named, "topk": best_classes(result["class_scores"], classes, topk)}


def message_of(entry: Entry) -> str:
    """What is wrong with an image, and its name."""
    return entry["error"] if entry["image"] in entry["error"] else f"{entry['image']}: {entry['error']}"


class Output(Protocol):
    """Gets each image's entry in turn; `close` ends it."""

    def add(self, entry: Entry) -> None: ...

    def close(self) -> None: ...


class JsonFile:
    """A list of the entries."""

    def __init__(self, path: Path) -> None:
        self._file, self._count = path.open("w", encoding="utf-8"), 0
        self._file.write("[")

    def add(self, entry: Entry) -> None:
        """Writes an image's entry."""
        self._file.write((",\n " if self._count else "\n ") + json.dumps(entry, ensure_ascii=False))
        self._count += 1

    def close(self) -> None:
        """Ends the list."""
        self._file.write("\n]\n")
        self._file.close()


class CsvFile:
    """A row an image: `image`, `pred_label`, `pred_class`, `pred_score`, `error`, and three for each of the best."""

    def __init__(self, path: Path, topk: int) -> None:
        self._file = path.open("w", newline="", encoding="utf-8")
        self._columns = ("image", "pred_label", "pred_class", "pred_score", "error")
        best = [f"top{i + 1}_{key}" for i in range(topk) for key in ("label", "class", "score")]
        self._rows = csv.writer(self._file)
        self._rows.writerow((*self._columns, *best))

    def add(self, entry: Entry) -> None:
        """Writes an image's row."""
        best = [value for one in entry.get("topk", ()) for value in one.values()]
        self._rows.writerow((*(entry.get(name, "") for name in self._columns), *best))

    def close(self) -> None:
        """Ends the file."""
        self._file.close()


class Table:
    """On standard output: the best classes of each image with bars, or a line an image where there are many.

    Args:
        count: of all images.
    """

    def __init__(self, count: int) -> None:
        self._brief = count > _FULL
        reconfigure = getattr(sys.stdout, "reconfigure", None)
        if reconfigure is not None:  # a class's name need not be in the terminal's encoding
            reconfigure(errors="replace")

    def add(self, entry: Entry) -> None:
        """Prints an image's entry."""
        if "error" in entry:
            print(message_of(entry))
        elif self._brief:
            print(f"{entry['image']}: {entry['pred_class']} {entry['pred_score']:.4f}")
        else:
            print(entry["image"])
            for one in entry["topk"]:
                print(f"  {one['score']:.4f} {bar(one['score'])} {one['class']}")

    def close(self) -> None:
        """Nothing is left to do."""


def bar(share: float) -> str:
    """A share, 0..1, as a bar of twenty characters."""
    eighths = round(share * _BAR * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(_BAR)


class PictureFolder:
    """The images with what is predicted of them, numbered in their order: `<number>_<name>.jpg`.

    Args:
        folder: made where it is missing.
        preprocess: reads the images.
    """

    def __init__(self, folder: Path, preprocess: Preprocess) -> None:
        self._folder, self._count = folder, 0
        self._read = next(step for step in preprocess.transforms if isinstance(step, ReadImage))

    def add(self, entry: Entry) -> None:
        """Draws an image; one that cannot be read has no picture."""
        self._count += 1
        if "error" in entry:
            return
        sample = self._read({"image": entry["image"]}, np.random.default_rng(0))
        lines = [Line(f"{one['score']:.4f}  {one['class']}") for one in entry["topk"]]
        name = Path(entry["image"]).name
        picture = captioned(sample["image"].astype(np.uint8), [name, *lines])
        picture.save(self._folder / f"{self._count:05d}_{Path(name).stem[:100]}.jpg", quality=90)

    def close(self) -> None:
        """Nothing is left to do."""


def prediction_file(path: str | os.PathLike) -> Path:
    """The file for predictions.

    Raises:
        UserError: it ends neither in .json nor in .csv, or cannot be written.
    """
    if expand(path).suffix not in (".json", ".csv"):
        raise UserError(f"--out: {path} ends in {expand(path).suffix!r}; allowed: .json, .csv")
    return output_file(path, "--out")


def picture_folder(path: str | os.PathLike) -> Path:
    """The folder for pictures, made now.

    Raises:
        UserError: it cannot be.
    """
    return output_folder(path, "--show_dir")
