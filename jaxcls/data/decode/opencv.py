"""The formats that OpenCV reads as Pillow does, in less time."""

from __future__ import annotations

import re

import cv2
import numpy as np
import simplejpeg

from jaxcls.data.decode.damage import would_be_black
from jaxcls.data.decode.jpeg import END, JPEG, SCAN, reduction

# MMCV's `color_type` names. The EXIF orientation is applied unless the name says otherwise.
COLOR_TYPES = {
    "color": cv2.IMREAD_COLOR_RGB,
    "grayscale": cv2.IMREAD_GRAYSCALE,
    "color_ignore_orientation": cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION,
    "grayscale_ignore_orientation": cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION,
}
_REDUCED = {  # which of the flags says nothing about the colour
    1: 0,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}
# JPEG, PNG, BMP, WebP, and PPM and PGM whose largest value is that of all bits. OpenCV does not scale others (PGM to
# 1000, AVIF with 10 bits), cuts off float samples (Radiance, PFM), and multiplies TIFFs by their alpha.
_READS = re.compile(
    rb"\xff\xd8|\x89PNG|BM|RIFF....WEBP|P[56]\s+(?:#[^\n]*\n\s*)*\d+\s+\d+\s+(?:255|65535)\s",
    re.DOTALL,
)


def decode_with_opencv(data: bytes, name: str, color_type: str, min_side: int | None) -> np.ndarray | None:
    """See `decode_image`; None where OpenCV does not read the format, or finds it damaged.

    Raises:
        DamagedImageError: a 16-bit image that would come out black.
    """
    if not _READS.match(data) or _ends_early(data):
        return None
    flags = COLOR_TYPES[color_type]
    if min_side is not None and data.startswith(JPEG):  # the one format that can be decoded at another size
        flags |= _reducing_flag(data, min_side)
    encoded = np.frombuffer(data, np.uint8)
    try:
        image = cv2.imdecode(encoded, flags)
        if image is not None and not image.any():
            _check_black(data, name, cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED))
    except cv2.error:  # a header that asks for too much
        return None
    return image if image is None or image.ndim == 3 else image[..., None]


def _check_black(data: bytes, name: str, image: np.ndarray | None) -> None:
    """Refuses 16-bit pixels, as they are stored, that are not black but will be."""
    if image is not None and image.dtype == np.uint16:
        largest = image[..., :3].max() if image.ndim == 3 else image.max()
        if largest > 0:
            raise would_be_black(data, name, largest)


def _ends_early(data: bytes) -> bool:
    """Whether a JPEG may lack its end: OpenCV 4 would fill it up with grey. Pillow then decides."""
    return data.startswith(JPEG) and not data.endswith(END) and data.rfind(END) < data.rfind(SCAN)


def _reducing_flag(data: bytes, min_side: int) -> int:
    try:
        return _REDUCED[reduction(min(simplejpeg.decode_jpeg_header(data)[:2]), min_side)]
    except ValueError:
        return 0
