"""Shows the images that a model is surest of, right and wrong ones, as sheets, in all and by class.

    python evaluate.py --ckpt=work_dirs/resnet --out=scores.npz
    python -m jaxcls.tools.analyze_results scores.npz --config=work_dirs/resnet/config.json --out_dir=analysis

Writes success.jpg and fail.jpg, the topk right and wrong predictions with the highest scores; with --by_class two for
each class, of its own images; and classes.csv, a row a class, the worst first.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxcls.config import complete
from jaxcls.data.pipeline import Dataset
from jaxcls.engine.evaluation_data import evaluation_dataset
from jaxcls.errors import UserError
from jaxcls.inspect.saved_scores import SavedScores, read_scores
from jaxcls.paths import output_folder
from jaxcls.ranks import best_class
from jaxcls.tools.command_line import CommandLine, positive, start
from jaxcls.visualization.pictures import RIGHT, WRONG, Line
from jaxcls.visualization.ranked import pixels
from jaxcls.visualization.sheets import Tile, sheet

_COLUMNS = 5


def surest(saved: SavedScores, right: bool, count: int, label: int | None = None) -> list[int]:
    """The images with the highest scores of what is predicted right, or wrong, the highest first.

    Args:
        saved: of a model, one label an image.
        right: which.
        count: how many at most.
        label: whose images; None: all classes'.
    """
    predicted = best_class(saved.scores)
    wanted = (predicted == saved.labels) == right
    if label is not None:
        wanted &= saved.labels == label
    indices = np.flatnonzero(wanted)
    confidence = np.nan_to_num(saved.scores[indices].max(1), nan=-1.0)
    return indices[np.argsort(-confidence, kind="stable")][:count].tolist()


def contact_sheet(saved: SavedScores, dataset: Dataset, indices: Sequence[int]) -> Any:
    """The images with truth, prediction and score."""
    return sheet(
        [[_tile(saved, dataset, i) for i in indices[j : j + _COLUMNS]] for j in range(0, len(indices), _COLUMNS)]
    )


def _tile(saved: SavedScores, dataset: Dataset, index: int) -> Tile:
    true, (taken,) = int(saved.labels[index]), best_class(saved.scores[index : index + 1])
    name = "scores that are not finite" if taken < 0 else f"{saved.classes[taken]} {saved.scores[index].max():.3f}"
    lines: list[Line | str] = [
        Path(saved.images[index]).name,
        f"truth: {saved.classes[true]}",
        Line(f"predicted: {name}", RIGHT if taken == true else WRONG),
    ]
    return Tile(pixels(dataset.source[index]), lines)


def write_classes(saved: SavedScores, path: Path) -> list[str]:
    """Writes a row a class, the worst first, and gives the names in that order; those without images are left out."""
    predicted = best_class(saved.scores)
    rows = [_row(saved, predicted, label) for label in range(len(saved.classes)) if (saved.labels == label).any()]
    rows.sort(key=lambda row: row[2])
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("class", "images", "recall", "precision", "taken most often for"))
        writer.writerows(rows)
    return [row[0] for row in rows]


def _row(saved: SavedScores, predicted: np.ndarray, label: int) -> tuple[Any, ...]:
    own, taken = saved.labels == label, predicted == label
    others = predicted[own & (predicted != label) & (predicted >= 0)]
    return (
        saved.classes[label],
        int(own.sum()),
        round(100 * float(taken[own].mean()), 2),
        round(100 * float(own[taken].mean()), 2) if taken.any() else "",
        saved.classes[np.bincount(others).argmax()] if len(others) else "",
    )


def analyze_results(
    saved: SavedScores,
    config: Mapping[str, Any],
    out_dir: str,
    topk: int = 20,
    split: str = "val",
    by_class: bool = False,
) -> Path:
    """Writes the sheets and the table.

    Raises:
        UserError: the data has another number of images, or several labels an image.
    """
    if saved.labels.ndim == 2:
        raise UserError("analyze_results is for data with one label an image, not several")
    folder = output_folder(out_dir, "--out_dir")
    dataset = evaluation_dataset(complete(config), split, None, "")
    if len(dataset) != len(saved.labels):
        raise UserError(f"data.{split} has {len(dataset)} images, the file of scores {len(saved.labels)}")
    labels: list[tuple[str, int | None]] = [("", None)]
    if by_class:
        names = [re.sub(r"[^\w-]+", "_", name) for name in saved.classes]
        labels += [(f"_{label}_{name}", label) for label, name in enumerate(names)]
    for suffix, label in labels:
        for kind, right in (("success", True), ("fail", False)):
            if indices := surest(saved, right, topk, label):
                contact_sheet(saved, dataset, indices).save(folder / f"{kind}{suffix}.jpg", quality=90)
    write_classes(saved, folder / "classes.csv")
    return folder


def main(arguments: Sequence[str]) -> None:
    """The command line to one call."""
    line = CommandLine(__doc__, "analyze_results")
    line.add_argument("scores", metavar="FILE", help="what evaluate.py --out wrote: .json, .csv or .npz")
    line.add_config("The recipe, for the images")
    line.add_argument("--split", default="val", choices=("val", "test"), help="which data was evaluated; default: val")
    line.add_argument("--out_dir", default="analysis", help="a folder for the sheets")
    line.add_argument("--topk", type=positive, default=20, help="images a sheet; default: 20")
    line.add_argument("--by_class", action="store_true", help="two sheets a class, too")
    options = line.options(arguments)
    print(analyze_results(read_scores(options.pop("scores")), **options))


if __name__ == "__main__":
    start(main)
