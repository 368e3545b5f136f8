"""Draws the confusion matrix of the scores that `evaluate.py --out` saved, and lists what is confused most.

    python evaluate.py --ckpt=work_dirs/resnet --out=scores.npz
    python -m jaxcls.tools.confusion_matrix scores.npz --out=matrix.png

`evaluate.py --confusion_matrix=FILE` writes the same matrix at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxcls.errors import UserError
from jaxcls.inspect.saved_scores import read_scores
from jaxcls.metrics.confusion import ConfusionMatrix
from jaxcls.tools.command_line import CommandLine, positive, start
from jaxcls.visualization.confusion import matrix_file, write_confusion_matrix


def most_confused(matrix: np.ndarray, classes: Sequence[str], count: int = 10) -> list[str]:
    """A line for each pair of classes that are confused, the most frequent first.

    Args:
        matrix: int (K, K), rows are true classes.
        classes: K names.
        count: how many lines at most.
    """
    wrong = matrix * (1 - np.eye(len(matrix), dtype=matrix.dtype))
    order = np.argsort(-wrong, axis=None, kind="stable")[:count]
    pairs = [divmod(int(place), len(matrix)) for place in order]
    return [
        f"{classes[true]} taken for {classes[taken]}: {wrong[true, taken]} of {matrix[true].sum()}"
        for true, taken in pairs
        if wrong[true, taken]
    ]


def main(arguments: Sequence[str]) -> None:
    """The command line to one call."""
    line = CommandLine(__doc__, "confusion_matrix")
    line.add_argument("scores", metavar="FILE", help="what evaluate.py --out wrote: .json, .csv or .npz")
    line.add_argument("--out", default="confusion_matrix.png", help="the matrix: .png or .csv")
    line.add_argument("--topk", type=positive, default=10, help="how many pairs of classes to list; default: 10")
    options = line.options(arguments)
    out, saved = matrix_file(options["out"], "--out"), read_scores(options["scores"])
    if saved.labels.ndim == 2:
        raise UserError(f"{options['scores']}: a confusion matrix is for data with one label an image, not several")
    metric = ConfusionMatrix(classes=saved.classes)
    metric.update(saved.scores, saved.labels)
    (matrix,) = metric.values()
    write_confusion_matrix(out, matrix, saved.classes)
    print(*most_confused(matrix, saved.classes, options["topk"]), out, sep="\n")


if __name__ == "__main__":
    start(main)
