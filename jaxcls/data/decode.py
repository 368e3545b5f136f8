"""Encoded image bytes -> pixels, as MMCV's cv2 backend gives them, in RGB order."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import cv2
import numpy as np
import simplejpeg
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from jaxcls.errors import UserError

# MMCV's `color_type` names. The EXIF orientation is applied unless the name says otherwise.
COLOR_TYPES = {
    "color": cv2.IMREAD_COLOR_RGB,
    "grayscale": cv2.IMREAD_GRAYSCALE,
    "color_ignore_orientation": cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION,
    "grayscale_ignore_orientation": cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION,
}
_REDUCED = {  # which of the flags says nothing about the colour
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}
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


class DamagedImageError(UserError):
    """An image that is missing, or cannot be decoded."""


def decode_image(data: bytes, name: str, color_type: str = "color", min_side: int | None = None) -> np.ndarray:
    """The image that `data` encodes.

    Grey, palette and CMYK files come out as RGB with `color`; what OpenCV cannot read (GIF) goes through Pillow.

    Args:
        data: a JPEG, PNG, ... file's content.
        name: what to call it in messages, its path.
        color_type: a key of `COLOR_TYPES`.
        min_side: JPEGs are decoded at 1/2, 1/4 or 1/8 of their size, the smallest whose shorter side has as many
            pixels; None: as they are.

    Returns:
        uint8 (H, W, 3), RGB, or (H, W, 1) with a `grayscale` type.

    Raises:
        DamagedImageError: the bytes are no image, or a damaged one.
    """
    if min_side is None and data.startswith(JPEG) and (image := _decode_jpeg(data, name, color_type)) is not None:
        return image
    flags = COLOR_TYPES[color_type]
    if min_side is not None and data.startswith(JPEG):  # the one format that can be decoded at another size
        flags |= _reducing_flag(data, min_side)
    image = None if not data or _ends_early(data) else cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if image is None:
        return _decode_with_pillow(data, name, color_type)
    return image if image.ndim == 3 else image[..., None]


def _decode_jpeg(data: bytes, name: str, color_type: str) -> np.ndarray | None:
    """The pixels that OpenCV gives for a JPEG, in less time; None where it has to do it itself.

    Raises:
        DamagedImageError: pixels are lost.
    """
    try:
        if simplejpeg.decode_jpeg_header(data)[2] not in ("YCbCr", "Gray"):
            return None
        upright = color_type.endswith("ignore_orientation") or not _has_exif(data)
    except (ValueError, IndexError):  # no JPEG at all, or one of a rare kind
        return None
    try:
        image = simplejpeg.decode_jpeg(data, "RGB" if color_type.startswith("color") else "GRAY")
    except ValueError as error:
        if BLEMISH.search(str(error)):
            return None
        raise _damaged(data, name, error) from error
    return image if upright else _turn_upright(image, data)


def _turn_upright(image: np.ndarray, data: bytes) -> np.ndarray:
    """The pixels, turned as the Exif segment of `data` asks."""
    try:
        with Image.open(io.BytesIO(data)) as header:
            orientation = header.getexif().get(ExifTags.Base.Orientation)
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


def _ends_early(data: bytes) -> bool:
    """Whether a JPEG may lack its end: OpenCV 4 would fill it up with grey. Pillow then decides."""
    return data.startswith(JPEG) and not data.endswith(END) and data.rfind(END) < data.rfind(SCAN)


def _reducing_flag(data: bytes, min_side: int) -> int:
    try:
        with Image.open(io.BytesIO(data)) as image:  # reads the header
            side = min(image.size)
    except (OSError, SyntaxError, ValueError):
        return 0
    return next((flag for factor, flag in reversed(_REDUCED.items()) if side // factor >= min_side), 0)


def _decode_with_pillow(data: bytes, name: str, color_type: str) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(data)) as image:
            upright = image if color_type.endswith("ignore_orientation") else ImageOps.exif_transpose(image)
            pixels = np.array(upright.convert("RGB" if color_type.startswith("color") else "L"))
    except (OSError, SyntaxError, ValueError) as error:  # Pillow's plugins raise any of them for broken files
        reason = "of no known format" if isinstance(error, UnidentifiedImageError) else error
        raise _damaged(data, name, reason) from error
    return pixels if pixels.ndim == 3 else pixels[..., None]


def _damaged(data: bytes, name: str, reason: object) -> DamagedImageError:
    """The error for the image `data` that is called `name`."""
    return DamagedImageError(f"{name}: not a readable image, or a damaged one ({len(data)} bytes): {reason}")
