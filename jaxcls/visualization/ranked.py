"""Pictures of an evaluation's images with truth and prediction, the wrong ones first."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from jaxcls.data.loader import READING_THREADS
from jaxcls.data.transforms import LoadImageFromFile
from jaxcls.paths import output_folder
from jaxcls.ranks import best_class
from jaxcls.visualization.pictures import RIGHT, WRONG, Line, captioned

_SHOWN = 5  # labels of an image that has several


class Verdicts(NamedTuple):
    """Of n images: `right` (n,) bool, and how sure the prediction was, `confidence` (n,)."""

    right: np.ndarray
    confidence: np.ndarray


def judge(scores: np.ndarray, labels: np.ndarray) -> Verdicts:
    """Which images are predicted right; with several labels an image, those with all labels right at 0.5.

    Args:
        scores: (n, K).
        labels: (n,) or (n, K). The confidence is the best score, or with several labels that of the surest mistake, or
            where there is none of the least sure label.
    """
    if labels.ndim == 1:
        return Verdicts(best_class(scores) == labels, scores.max(1))
    wrong = (scores > 0.5) != (labels != 0)
    sure = np.where(scores > 0.5, scores, 1 - scores)
    right = ~wrong.any(1)
    return Verdicts(right, np.where(right, sure.min(1), np.where(wrong, sure, 0).max(1)))


class RankedPictures:
    """Draws the images of an evaluation: the wrong ones first, the most confident of them first, then the others.

    Memory holds a few numbers an image; the images are read again to be drawn. The files are called
    `<rank>_<wrong or right>_<name>.jpg`.

    Args:
        folder: made where it is missing.
        limit: how many pictures; None: all.

    Raises:
        UserError: the folder cannot be made or written to.
    """

    def __init__(self, folder: str | os.PathLike, limit: int | None = None) -> None:
        self.folder, self.limit = output_folder(folder, "--show_dir"), limit
        self._verdicts: list[Verdicts] = []
        self._best: list[list[tuple[int, float]]] = []
        self._dataset: Any = None

    @property
    def count(self) -> int:
        """How many pictures `write` draws."""
        return min(len(self._best), self.limit or len(self._best))

    def begin(self, dataset: Any) -> None:
        """Takes the data whose images will be drawn."""
        self._dataset = dataset

    def keep(self, predictions: Any) -> None:
        """Adds a batch's predictions."""
        self._verdicts.append(judge(predictions.scores, predictions.labels))
        self._best += [predicted(row, predictions.labels.ndim == 2) for row in predictions.scores]

    def write(self, advance: Callable[[int], None] = lambda _: None) -> None:
        """Draws the pictures; `advance(1)` is called for each."""
        right, confidence = (np.concatenate(parts) for parts in zip(*self._verdicts, strict=True))
        order = np.lexsort((-np.nan_to_num(confidence, nan=2.0), right))[: self.limit]
        with ThreadPoolExecutor(READING_THREADS) as threads:
            jobs = ((rank, int(index), bool(right[index])) for rank, index in enumerate(order, 1))
            for _ in threads.map(lambda job: self._draw(*job), jobs):
                advance(1)

    def _draw(self, rank: int, index: int, right: bool) -> None:
        sample, classes = self._dataset.source[index], self._dataset.classes
        name = os.path.basename(sample["filename"]) if "filename" in sample else str(index)
        label = np.asarray(sample["label"])
        truth = listed([classes[k] for k in (np.flatnonzero(label) if label.ndim else [int(label)])])
        lines = [
            name,
            f"truth: {truth}",
            Line(f"predicted: {listed(described(self._best[index], classes))}", RIGHT if right else WRONG),
        ]
        picture = captioned(pixels(sample), lines)
        stem = os.path.splitext(name)[0][:100]
        picture.save(self.folder / f"{rank:05d}_{'right' if right else 'wrong'}_{stem}.jpg", quality=90)


def pixels(sample: dict[str, Any]) -> np.ndarray:
    """The image of a source's sample, uint8 (H, W, C), before any transform."""
    if "image" not in sample:
        sample = LoadImageFromFile()(sample, np.random.default_rng(0))
    return sample["image"]


def predicted(scores: np.ndarray, multi_label: bool) -> list[tuple[int, float]]:
    """The class that ranks first, or of several labels those above 0.5, with their scores."""
    chosen = best_class(scores[None]) if not multi_label else np.flatnonzero(scores > 0.5)
    return [(int(k), float(scores[k]) if k >= 0 else float("nan")) for k in chosen]


def described(best: Sequence[tuple[int, float]], classes: Sequence[str]) -> list[str]:
    """Classes by their names, with their scores."""
    return [f"{classes[k]} {score:.3f}" if k >= 0 else "scores that are not finite" for k, score in best]


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = [f"and {len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    return ", ".join([*names[:_SHOWN], *more]) or "none"
