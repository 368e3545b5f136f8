"""A confusion matrix as a picture and as a table."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from jaxcls.errors import UserError
from jaxcls.paths import output_file
from jaxcls.visualization.pictures import PLAIN, fitted, font

_NAMES, _MARGIN, _GAP = 220, 30, 6  # pixels: for the names at most, at the edges, between names and cells
_NAMED = 200  # classes; the cells of more have no room for names
_COLOR = np.array([13, 71, 161])


def matrix_file(path: str | os.PathLike, what: str) -> Path:
    """The file for a matrix, .png or .csv.

    Args:
        path: as the user gives it.
        what: the flag, for messages.

    Raises:
        UserError: another ending, or it cannot be written.
    """
    if Path(path).suffix not in (".png", ".csv"):
        raise UserError(f"{what}: {path} ends in {Path(path).suffix!r}; allowed: .png, .csv")
    return output_file(path, what)


def write_confusion_matrix(path: Path, matrix: np.ndarray, classes: Sequence[str]) -> None:
    """Writes the matrix as a table or as a picture.

    Args:
        path: .csv: a row a true class, a column a predicted one, with their names; .png: the picture.
        matrix: int (K, K), rows are true classes.
        classes: K names.
    """
    if path.suffix == ".png":
        confusion_picture(matrix, classes).save(path)
        return
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["truth \\ predicted", *classes])
        writer.writerows([name, *row] for name, row in zip(classes, matrix.tolist(), strict=True))


def confusion_picture(matrix: np.ndarray, classes: Sequence[str]) -> Image.Image:
    """The matrix with its rows' shares as colours, the counts in the cells, and the classes' names.

    Args:
        matrix: int (K, K), rows are true classes.
        classes: K names.
    """
    count = len(matrix)
    named = count <= _NAMED
    side = max(_cell_width(matrix), 18) if named else max(1, 1200 // count)
    names = [fitted(name, _NAMES) for name in classes] if named else []
    room = round(max((font().getlength(name) for name in names), default=0)) + _GAP
    left, top = _MARGIN + room, _MARGIN + room
    canvas = Image.new("RGB", (left + side * count + _MARGIN, top + side * count + _MARGIN), "white")
    cells = Image.fromarray(_colors(matrix)).resize((side * count, side * count), Image.Resampling.NEAREST)
    canvas.paste(cells, (left, top))
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((left, top, left + side * count, top + side * count), outline=PLAIN)
    draw.text((left + side * count / 2, canvas.height - _MARGIN / 2), "predicted", PLAIN, font(), anchor="mm")
    _draw_upright(canvas, "truth", (0, top + side * count // 2), "center")
    for k, name in enumerate(names):
        middle = top + (k + 0.5) * side
        draw.text((left - _GAP, middle), name, PLAIN, font(), anchor="rm")
        _draw_upright(canvas, name, (left + round((k + 0.5) * side), top - _GAP), "bottom")
    if named and side >= _cell_width(matrix):
        _draw_counts(draw, matrix, left, top, side)
    return canvas


def _cell_width(matrix: np.ndarray) -> int:
    return round(font().getlength(str(int(matrix.max(initial=0))))) + 10


def _shares(matrix: np.ndarray) -> np.ndarray:
    return matrix / np.maximum(matrix.sum(1, keepdims=True), 1)


def _colors(matrix: np.ndarray) -> np.ndarray:
    """White to blue, uint8 (K, K, 3); the square root makes few mistakes visible."""
    shares = np.sqrt(_shares(matrix))[..., None]
    return (255 + shares * (_COLOR - 255)).astype(np.uint8)


def _draw_counts(draw: ImageDraw.ImageDraw, matrix: np.ndarray, left: int, top: int, side: int) -> None:
    dark = _shares(matrix) > 0.25
    for row, column in zip(*np.nonzero(matrix), strict=True):
        color = "white" if dark[row, column] else PLAIN
        place = (left + (column + 0.5) * side, top + (row + 0.5) * side)
        draw.text(place, str(matrix[row, column]), color, font(), anchor="mm")


def _draw_upright(canvas: Image.Image, text: str, place: tuple[int, int], end: str) -> None:
    """Text from the bottom to the top: `bottom`: it begins at the place; `center`: at the left edge, in the middle."""
    width, height = round(font().getlength(text)) + 2, 20
    line = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(line).text((1, height / 2), text, PLAIN, font(), anchor="lm")
    upright = line.rotate(90, expand=True)
    x, y = (place[0] - height // 2, place[1] - width) if end == "bottom" else (place[0] + 4, place[1] - width // 2)
    canvas.paste(upright, (x, y))
