"""What a checkpoint says of a split: its numbers, and of each image the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxcls.api import evaluate_model
from jaxcls.engine.evaluation import Predictions
from jaxcls.metrics import Metric, build_metrics
from jaxcls.metrics.calibration import CalibrationError
from jaxcls.metrics.confusion import ConfusionMatrix
from jaxcls.ranks import best_class
from jaxcls.visualization.ranked import Verdicts, judge, predicted

SINGLE = ("accuracy", "balanced_accuracy", "f1_score", "log_loss", "brier_score", "calibration_error")
MULTI = ("mAP", "CF1", "OF1", "subset_accuracy", "hamming_loss")
BY_CLASS = ("average_precision", "class_precision", "class_recall", "class_f1_score")  # with several labels an image


class Evaluated:
    """An evaluation, of which memory holds a few numbers an image.

    Attributes:
        numbers: name -> value, the single ones.
        by_class: with several labels an image, name -> each class's value.
        dataset: the split, in terms of the network's classes.
        classes: their names.
        labels: (n,) or (n, K).
        taken: (n,) the class predicted, -1 where the scores are not finite; with several labels an image all -1.
        best: for each image the classes predicted, with their scores.
        verdicts: which are right, and how sure the network was.
        matrix: (K, K), rows are true classes; None with several labels an image.
        bins: the states of `CalibrationError`; empty with several labels an image.

    Args:
        config: the run's.
        workdir: whose best checkpoint, else newest.
        split: `val` or `test`.

    Raises:
        UserError: there is no checkpoint, or the data cannot be read.
    """

    dataset: Any

    def __init__(self, config: Mapping[str, Any], workdir: Any, split: str) -> None:
        self.best: list[list[tuple[int, float]]] = []
        self._taken: list[np.ndarray] = []
        self._verdicts: list[Verdicts] = []
        self._metrics: list[Metric] = []
        self._matrix, self._calibration = ConfusionMatrix(), CalibrationError()
        found, self.classes = evaluate_model(config, workdir, split, keep=self._keep, begin=self._begin)
        found = {name: value for metric in self._metrics for name, value in metric.compute().items()} | found
        self.numbers = {name: float(value) for name, value in found.items() if np.ndim(value) == 0 and "/" not in name}
        self.by_class = {kind: [found.get(f"{kind}/{name}") for name in self.classes] for kind in BY_CLASS}
        self.labels = self.dataset.labels
        self.taken = np.concatenate(self._taken)
        self.verdicts = Verdicts(*map(np.concatenate, zip(*self._verdicts, strict=True)))
        self.matrix = None if self.multi_label else self._matrix.values()[0]
        self.bins = {} if self.multi_label else self._calibration.state

    @property
    def multi_label(self) -> bool:
        """Whether images have several labels."""
        return self.dataset.labels.ndim == 2

    def _begin(self, dataset: Any) -> None:
        self.dataset = dataset
        names = (*MULTI, *BY_CLASS) if self.multi_label else SINGLE
        self._metrics = build_metrics(names, multi_label=self.multi_label, classes=dataset.classes)

    def _keep(self, predictions: Predictions) -> None:
        scores, labels = predictions.scores, predictions.labels
        self._taken.append(np.full(len(scores), -1) if self.multi_label else best_class(scores))
        self._verdicts.append(judge(scores, labels))
        self.best += [predicted(row, self.multi_label) for row in scores]
        own = [] if self.multi_label else [self._matrix, self._calibration]
        for metric in (*self._metrics, *own):
            metric.update(scores, labels)

    def truth(self, index: int) -> list[int]:
        """The classes of an image's labels."""
        label = self.labels[index]
        return np.flatnonzero(label == 1).tolist() if np.ndim(label) else [int(label)]
