"""JPEGs, by simplejpeg: libjpeg-turbo's pixels, as OpenCV's, in less time, and its word on what is damaged."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import numpy as np
import simplejpeg
from PIL import ExifTags, Image

from jaxcls.data.decode.damage import damaged

JPEG, SCAN, END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"  # a JPEG's first bytes, the start of a scan, the last bytes
# Those of libjpeg's messages after which the pixels may be whole all the same.
BLEMISH = re.compile(
    "extraneous bytes|JFIF revision|Adobe color transform|ICC marker|SOS parameters|progression sequence|end of JPEG"
)
EXIF, FRAMES_AND_SCAN = b"Exif\0\0", {*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xD0), 0xDA}
TO_UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {  # by Exif orientation
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: image[::-1, ::-1].swapaxes(0, 1),
    8: lambda image: np.rot90(image),
}


def decode_jpeg(data: bytes, name: str, color_type: str, min_side: int | None) -> np.ndarray | None:
    """The pixels that OpenCV gives for a JPEG, made smaller as `decode_image` says; None where it has to do it itself.

    Raises:
        DamagedImageError: pixels are lost.
    """
    try:
        height, width, colors, _ = simplejpeg.decode_jpeg_header(data)
        if colors not in ("YCbCr", "Gray"):
            return None
        factor = reduction(min(height, width), min_side)
        rounded_up = {"min_height": -(-height // factor), "min_width": -(-width // factor)}
        size = rounded_up if factor > 1 else {}
        upright = color_type.endswith("ignore_orientation") or not _has_exif(data)
    except (ValueError, IndexError):  # no JPEG at all, or one of a rare kind
        return None
    try:
        image = simplejpeg.decode_jpeg(data, "RGB" if color_type.startswith("color") else "GRAY", **size)
    except ValueError as error:
        if BLEMISH.search(str(error)):
            return None
        raise damaged(data, name, error) from error
    return image if upright else _turn_upright(image, data)


def reduction(side: int, min_side: int | None) -> int:
    """The largest of 8, 4 and 2 by which the shorter side may be divided and has `min_side` pixels still; else 1."""
    return next((factor for factor in (8, 4, 2) if min_side is not None and side // factor >= min_side), 1)


def _turn_upright(image: np.ndarray, data: bytes) -> np.ndarray | None:
    """The pixels, turned as the Exif segment of `data` asks; None where Pillow finds the image too large to look at."""
    try:
        with Image.open(io.BytesIO(data)) as header:
            orientation = header.getexif().get(ExifTags.Base.Orientation)
    except Image.DecompressionBombError:
        return None
    except (OSError, SyntaxError, ValueError):  # a segment that makes no sense
        return image
    return np.ascontiguousarray(TO_UPRIGHT[orientation](image)) if orientation in TO_UPRIGHT else image


def _has_exif(data: bytes) -> bool:
    """Whether a JPEG's header has an Exif segment before the frame, which may ask for a turned image, or looks odd."""
    place = len(JPEG)
    while (kind := data[place + 1]) not in FRAMES_AND_SCAN:
        if data[place] != 0xFF or kind == 0xFF or (kind == 0xE1 and data.startswith(EXIF, place + 4)):
            return True
        place += 2 + (data[place + 2] << 8 | data[place + 3])
    return False
