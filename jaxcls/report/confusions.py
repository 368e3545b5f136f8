"""Which classes are taken for which: the matrix as a table where it can be read, the largest confusions, each class."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from jaxcls.report.evaluated import Evaluated
from jaxcls.report.pictures import data_uri

READABLE = 25  # classes of a matrix whose cells have room for a number
_LISTED = 30
_SHORT, _UPRIGHT = 3, 14  # letters of a name that fits above a cell, and of one that does so when it is turned


def confusions(found: Evaluated) -> dict[str, Any] | None:
    """The matrix for the page; None with several labels an image.

    Returns:
        `rows`: cells (`count`, `key`, `shade`, 0 to 1, and whether that is `deep`) where the classes are few, else
        `overview`, a picture; `columns`: `plain`, `upright` or `numbered`, how the classes stand above them; `largest`
        confusions.
    """
    if found.matrix is None:
        return None
    count = len(found.classes)
    largest = _largest(found.matrix, 10 if count <= READABLE else _LISTED)
    if count > READABLE:
        return {"overview": _overview(found.matrix), "largest": largest}
    longest = max(map(len, found.classes))
    columns = "plain" if longest <= _SHORT else "upright" if longest <= _UPRIGHT else "numbered"
    totals = np.maximum(found.matrix.sum(1), 1)
    rows = [
        [
            {"count": int(cell), "key": f"{truth}-{taken}", **_shade(cell / totals[truth])}
            for taken, cell in enumerate(row)
        ]
        for truth, row in enumerate(found.matrix)
    ]
    return {"rows": rows, "columns": columns, "largest": largest}


def _shade(share: float) -> dict[str, Any]:
    """How much colour a cell has; none between, where neither dark nor light numbers could be read on it."""
    deep = share > 0.5
    return {"deep": bool(deep), "shade": 0.86 + 0.28 * (share - 0.5) if deep else min(share**0.5, 0.5)}


def _largest(matrix: np.ndarray, limit: int) -> list[dict[str, Any]]:
    wrong = matrix * (1 - np.eye(len(matrix), dtype=matrix.dtype))
    order = np.argsort(-wrong, axis=None, kind="stable")[:limit]
    pairs = [divmod(int(place), len(matrix)) for place in order]
    return [
        {
            "truth": truth,
            "taken": taken,
            "count": int(wrong[truth, taken]),
            "of": int(matrix[truth].sum()),
            "key": f"{truth}-{taken}",
        }
        for truth, taken in pairs
        if wrong[truth, taken]
    ]


def _overview(matrix: np.ndarray) -> str:
    """The rows' shares as the transparency of a picture, which lies on the page's colour, as a data URI."""
    side = min(len(matrix), 1000)
    shares = np.sqrt(matrix / np.maximum(matrix.sum(1, keepdims=True), 1))  # few mistakes stay visible
    pixels = np.zeros((*matrix.shape, 4), np.uint8)
    pixels[..., :3], pixels[..., 3] = (37, 99, 235), (255 * shares).astype(np.uint8)
    return data_uri(Image.fromarray(pixels).resize((side, side), Image.Resampling.BOX), "png")


def by_class(found: Evaluated, trained: np.ndarray | None) -> list[dict[str, Any]]:
    """A row a class, the worst first: images, how many of them are found (`recall`), and more.

    None stands where there is nothing to divide by.

    Args:
        found: the evaluation.
        trained: (K,) images of each class in training; None: not known.
    """
    rows = _of_several_labels(found) if found.matrix is None else _of_one_label(found)
    for label, row in enumerate(rows):
        row.update(label=label, name=found.classes[label], trained=None if trained is None else int(trained[label]))
    return sorted(rows, key=lambda row: (row["recall"] is None, row["recall"] or 0.0))


def _of_one_label(found: Evaluated) -> list[dict[str, Any]]:
    matrix = found.matrix
    assert matrix is not None
    right, support, taken = matrix.diagonal(), matrix.sum(1), matrix.sum(0)
    rows = []
    for k in range(len(matrix)):
        others = np.where(np.arange(len(matrix)) == k, 0, matrix[k])
        worst = int(others.argmax())
        rows.append(
            {
                "images": int(support[k]),
                "recall": _percent(right[k], support[k]),
                "precision": _percent(right[k], taken[k]),
                "f1": _percent(2 * right[k], support[k] + taken[k]),
                "worst": {"label": worst, "count": int(others[worst]), "key": f"{k}-{worst}"} if others.any() else None,
            }
        )
    return rows


def _of_several_labels(found: Evaluated) -> list[dict[str, Any]]:
    columns = ("recall", "precision", "f1", "average_precision")
    names = ("class_recall", "class_precision", "class_f1_score", "average_precision")
    values = dict(zip(columns, (found.by_class[name] for name in names), strict=True))
    support = (found.labels == 1).sum(0)
    return [
        {"images": int(support[k]), "worst": None, **{column: values[column][k] for column in columns}}
        for k in range(len(found.classes))
    ]


def _percent(part: Any, whole: Any) -> float | None:
    return 100.0 * float(part) / float(whole) if whole else None
