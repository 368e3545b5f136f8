"""What an evaluation leaves beside its numbers: files, pictures, and a bar on the terminal while it runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

from jaxcls.errors import UserError
from jaxcls.metrics.confusion import ConfusionMatrix
from jaxcls.progress import progress
from jaxcls.results import Results
from jaxcls.visualization.confusion import matrix_file, write_confusion_matrix
from jaxcls.visualization.ranked import RankedPictures


class EvaluationOutputs:
    """Its `begin` and `keep` are those that `jaxcls.evaluate_model` calls, within a `with` block; then comes `write`.

    Args:
        results: the file of predictions.
        confusion_matrix: a file, .png or .csv.
        show_dir: a folder for pictures.
        show_limit: how many of them; None: all.

    Raises:
        UserError: a file or a folder that cannot be written.
    """

    def __init__(
        self,
        results: Results | None = None,
        confusion_matrix: str | os.PathLike | None = None,
        show_dir: str | os.PathLike | None = None,
        show_limit: int | None = None,
    ) -> None:
        self._results = results
        self._matrix_file = matrix_file(confusion_matrix, "--confusion_matrix") if confusion_matrix else None
        self._matrix = ConfusionMatrix()
        self._pictures = RankedPictures(show_dir, show_limit) if show_dir else None
        self._open = ExitStack()
        self._advance: Callable[[int], None] = lambda _: None
        self._dataset: Any = None

    def __enter__(self) -> EvaluationOutputs:
        return self

    def __exit__(self, *exception: object) -> None:
        self._open.close()

    def begin(self, dataset: Any) -> None:
        """Takes the data.

        Raises:
            UserError: a confusion matrix of several labels an image.
        """
        if self._matrix_file and dataset.labels.ndim == 2:
            raise UserError("--confusion_matrix: is not for data with several labels an image")
        self._dataset = dataset
        for output in (self._results, self._pictures):
            if output is not None:
                output.begin(dataset)
        self._advance = self._open.enter_context(progress("evaluating", len(dataset)))

    def keep(self, predictions: Any) -> None:
        """Takes a batch's predictions."""
        for output in (self._results, self._pictures):
            if output is not None:
                output.keep(predictions)
        if self._matrix_file:
            self._matrix.update(predictions.scores, predictions.labels)
        self._advance(len(predictions.labels))

    def write(self, numbers: Mapping[str, Any]) -> None:
        """Writes all of it.

        Args:
            numbers: of the evaluation.
        """
        classes = self._dataset.classes
        if self._results is not None:
            self._results.write(numbers, classes)
        if self._matrix_file:
            write_confusion_matrix(self._matrix_file, self._matrix.values()[0], classes)
        if self._pictures is not None:
            with progress("drawing", self._pictures.count) as advance:
                self._pictures.write(advance)
