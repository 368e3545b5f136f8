"""A picture with lines of text below it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

PLAIN, RIGHT, WRONG = "#24292f", "#1a7f37", "#c62828"
_WIDTH, _MOST, _MARGIN, _FONT_SIZE = 320, 640, 6, 15


class Line(NamedTuple):
    """A line of text and its colour."""

    text: str
    color: str = PLAIN


def captioned(image: np.ndarray, lines: Sequence[Line | str]) -> Image.Image:
    """An image with lines of text below it; what is too long for a line ends in `…`.

    Args:
        image: uint8 (H, W, 3) in RGB order or (H, W, 1). A small one is enlarged, its pixels as squares; a large one is
            made smaller.
        lines: from the top.
    """
    picture = _resized(image)
    width = max(picture.width, _WIDTH)
    each = [line if isinstance(line, Line) else Line(line) for line in lines]
    height = picture.height + (len(each) * _line_height() + 2 * _MARGIN if each else 0)
    canvas = Image.new("RGB", (width, height), "white")
    canvas.paste(picture, ((width - picture.width) // 2, 0))
    draw = ImageDraw.Draw(canvas)
    for i, line in enumerate(each):
        place = (_MARGIN, picture.height + _MARGIN + i * _line_height())
        draw.text(place, fitted(line.text, width - 2 * _MARGIN), line.color, font())
    return canvas


def fitted(text: str, width: int) -> str:
    """As much of a text as fits into `width` pixels, without line breaks."""
    text = " ".join(text.split())
    if font().getlength(text) <= width:
        return text
    while text and font().getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text}…"


def _resized(image: np.ndarray) -> Image.Image:
    pixels = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).convert("RGB")
    longest = max(pixels.size)
    if longest > _MOST:
        size = [max(round(side * _MOST / longest), 1) for side in pixels.size]
        return pixels.resize((size[0], size[1]), Image.Resampling.LANCZOS)
    factor = max(_WIDTH // longest, 1)
    return pixels.resize((pixels.width * factor, pixels.height * factor), Image.Resampling.NEAREST)


@functools.cache
def font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font of all texts."""
    try:
        return ImageFont.truetype("DejaVuSans.ttf", _FONT_SIZE)  # it has more letters than Pillow's own
    except OSError:
        return ImageFont.load_default(_FONT_SIZE)


def _line_height() -> int:
    return _FONT_SIZE + 5
