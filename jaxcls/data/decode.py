"""Encoded image bytes -> pixels, as MMCV's cv2 backend gives them, in RGB order."""

from __future__ import annotations

import io

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from jaxcls.errors import UserError

# MMCV's `color_type` names. The EXIF orientation is applied unless the name says otherwise.
COLOR_TYPES = {
    "color": cv2.IMREAD_COLOR,
    "grayscale": cv2.IMREAD_GRAYSCALE,
    "color_ignore_orientation": cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION,
    "grayscale_ignore_orientation": cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION,
}
JPEG = b"\xff\xd8"
_REDUCED = {
    "color": {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8},
    "grayscale": {
        2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
        4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
        8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
    },
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
    flags = COLOR_TYPES[color_type] if min_side is None else _reducing_flags(data, color_type, min_side)
    image = None if not data or _ends_early(data) else cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if image is None:
        return _decode_with_pillow(data, name, color_type)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if image.ndim == 3 else image[..., None]


def _ends_early(data: bytes) -> bool:
    """Whether a JPEG may lack its end: OpenCV 4 would fill it up with grey. Pillow then decides."""
    return data.startswith(JPEG) and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda")


def _reducing_flags(data: bytes, color_type: str, min_side: int) -> int:
    flags = COLOR_TYPES[color_type]
    if not data.startswith(JPEG):  # JPEG alone can be decoded at another size
        return flags
    try:
        with Image.open(io.BytesIO(data)) as image:  # reads the header
            side = min(image.size)
    except (OSError, SyntaxError, ValueError):
        return flags
    reduced = _REDUCED[color_type.partition("_")[0]]
    factor = next((factor for factor in (8, 4, 2) if side // factor >= min_side), None)
    return flags if factor is None else reduced[factor] | flags & cv2.IMREAD_IGNORE_ORIENTATION


def _decode_with_pillow(data: bytes, name: str, color_type: str) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(data)) as image:
            upright = image if color_type.endswith("ignore_orientation") else ImageOps.exif_transpose(image)
            pixels = np.array(upright.convert("RGB" if color_type.startswith("color") else "L"))
    except (OSError, SyntaxError, ValueError) as error:  # Pillow's plugins raise any of them for broken files
        reason = "of no known format" if isinstance(error, UnidentifiedImageError) else error
        raise DamagedImageError(
            f"{name}: not a readable image, or a damaged one ({len(data)} bytes): {reason}"
        ) from error
    return pixels if pixels.ndim == 3 else pixels[..., None]
