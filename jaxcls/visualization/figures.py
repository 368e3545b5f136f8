"""Figures of matplotlib, without its global state: made, drawn on, written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from jaxcls.errors import UserError, close_names
from jaxcls.paths import expand, output_file

FORMATS = (".png", ".jpg", ".svg", ".pdf")
DPI = 100


def picture_file(path: str | os.PathLike, flag: str = "--out") -> Path:
    """The absolute path of a picture that is to be written later; said now where that cannot be.

    Raises:
        UserError: its name ends otherwise than in `FORMATS`, it cannot be written, or matplotlib is missing.
    """
    _matplotlib()
    path = expand(path)
    if path.suffix.lower() not in FORMATS:
        raise UserError(f"{flag}: {path} ends in {path.suffix!r}; allowed: {', '.join(FORMATS)}")
    return output_file(path, flag)


def panels(rows: int, columns: int, size: Sequence[float]) -> tuple[Any, list[Any]]:
    """A figure of `size` (width, height) in inches, and its panels, row by row.

    Raises:
        UserError: matplotlib is missing.
    """
    _matplotlib()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(size[0], size[1]), dpi=DPI, layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def style(name: str | None) -> AbstractContextManager[Any]:
    """Within the block figures have one of matplotlib's styles; None: its default.

    Raises:
        UserError: there is none of that name.
    """
    _matplotlib()
    import matplotlib.style as styles

    if name is not None and name not in styles.available:
        raise UserError(f"--style: {name!r}; {close_names(name, styles.available)}")
    return styles.context(name or "default")


def window_size(text: str) -> tuple[float, float]:
    """`"12*7"` -> (12.0, 7.0), inches, as the original writes it; `12x7`, too.

    Raises:
        UserError: it is written otherwise, or a side is not between 1 and 100.
    """
    try:
        width, height = (float(side) for side in text.replace("x", "*").split("*"))
    except ValueError:
        raise UserError(f"--window_size: {text!r}; expected WIDTH*HEIGHT in inches, such as 12*7") from None
    if not (1 <= width <= 100 and 1 <= height <= 100):
        raise UserError(f"--window_size: {text!r}; expected 1 to 100 inches a side")
    return width, height


def write(figure: Any, path: Path) -> Path:
    """Writes the figure, and gives its path."""
    figure.savefig(path)
    return path


def _matplotlib() -> None:
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise UserError(f"pictures need matplotlib ({error}): pip install 'jaxcls[tools]'") from error
