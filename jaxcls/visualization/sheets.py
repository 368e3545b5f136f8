"""Many pictures on one sheet, and heat maps over pictures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from jaxcls.errors import UserError
from jaxcls.paths import expand, output_file
from jaxcls.visualization.pictures import Line, captioned

FORMATS = (".png", ".jpg")
SIDE = 320  # pixels of a picture's longer side
_GAP = 8


class Tile(NamedTuple):
    """A picture of a sheet.

    Attributes:
        image: uint8 (H, W, C), C 1 or 3.
        lines: of text below it.
    """

    image: np.ndarray
    lines: Sequence[Line | str] = ()


def sheet_file(path: str | os.PathLike, flag: str = "--out") -> Path:
    """The absolute path of a sheet that is to be written later; said now where that cannot be.

    Raises:
        UserError: its name ends otherwise than in `FORMATS`, or it cannot be written.
    """
    path = expand(path)
    if path.suffix.lower() not in FORMATS:
        raise UserError(f"{flag}: {path} ends in {path.suffix!r}; allowed: {', '.join(FORMATS)}")
    return output_file(path, flag)


def sheet(rows: Sequence[Sequence[Tile]]) -> Image.Image:
    """The pictures in rows, which need not be as long as each other, all of one size, with their lines below them."""
    drawn = [[captioned(resized(tile.image), tile.lines) for tile in row] for row in rows]
    column = max((picture.width for row in drawn for picture in row), default=1)
    heights = [max((picture.height for picture in row), default=1) for row in drawn]
    columns = max(map(len, drawn), default=1)
    canvas = Image.new("RGB", (columns * (column + _GAP) + _GAP, sum(heights) + _GAP * (len(rows) + 1)), "white")
    top = _GAP
    for row, height in zip(drawn, heights, strict=True):
        for i, picture in enumerate(row):
            canvas.paste(picture, (_GAP + i * (column + _GAP), top))
        top += height + _GAP
    return canvas


def resized(image: np.ndarray) -> np.ndarray:
    """uint8 (H, W, C) -> (H', W', 3) whose longer side is `SIDE`; a small one's pixels become squares."""
    pixels = np.repeat(image, 3, 2) if image.shape[2] == 1 else image
    scale = SIDE / max(image.shape[:2])
    size = [max(round(side * scale), 1) for side in image.shape[1::-1]]
    return cv2.resize(pixels, size, interpolation=cv2.INTER_NEAREST if scale > 1 else cv2.INTER_AREA)


def overlaid(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """An image with a map (H', W') of 0 ... 1 over it, red where that is 1: uint8 (H, W, 3), as `resized` makes it."""
    pixels = resized(image)
    large = cv2.resize(heat.astype(np.float32), pixels.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    colors = cv2.applyColorMap((255 * np.clip(large, 0, 1)).astype(np.uint8), cv2.COLORMAP_JET)[..., ::-1]
    return ((pixels.astype(np.float32) + colors) / 2).astype(np.uint8)
