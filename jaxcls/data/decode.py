"""Encoded image bytes -> pixels, as MMCV's cv2 backend gives them, in RGB order."""

from __future__ import annotations

import io

import cv2
import numpy as np
from PIL import Image, ImageOps

from jaxcls.errors import UserError

# MMCV's `color_type` names. The EXIF orientation is applied unless the name says otherwise.
COLOR_TYPES = {
    "color": cv2.IMREAD_COLOR,
    "grayscale": cv2.IMREAD_GRAYSCALE,
    "color_ignore_orientation": cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION,
    "grayscale_ignore_orientation": cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION,
}


def decode_image(data: bytes, name: str, color_type: str = "color") -> np.ndarray:
    """The image that `data` encodes.

    Grey, palette and CMYK files come out as RGB with `color`; what OpenCV cannot read (GIF) goes through Pillow.

    Args:
        data: a JPEG, PNG, ... file's content.
        name: what to call it in messages, its path.
        color_type: a key of `COLOR_TYPES`.

    Returns:
        uint8 (H, W, 3), RGB, or (H, W, 1) with a `grayscale` type.

    Raises:
        UserError: the bytes are no image, or a damaged one.
    """
    image = cv2.imdecode(np.frombuffer(data, np.uint8), COLOR_TYPES[color_type]) if data else None
    if image is None:
        return _decode_with_pillow(data, name, color_type)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if image.ndim == 3 else image[..., None]


def _decode_with_pillow(data: bytes, name: str, color_type: str) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(data)) as image:
            upright = image if color_type.endswith("ignore_orientation") else ImageOps.exif_transpose(image)
            pixels = np.array(upright.convert("RGB" if color_type.startswith("color") else "L"))
    except (OSError, SyntaxError, ValueError) as error:  # Pillow's plugins raise any of them for broken files
        raise UserError(f"{name}: not a readable image, or a damaged one ({len(data)} bytes): {error}") from error
    return pixels if pixels.ndim == 3 else pixels[..., None]
