"""Encoded image bytes -> pixels, as MMCV's cv2 backend gives them, in RGB order."""

from jaxcls.data.decode.damage import DamagedImageError
from jaxcls.data.decode.image import decode_image
from jaxcls.data.decode.opencv import COLOR_TYPES

__all__ = ["COLOR_TYPES", "DamagedImageError", "decode_image"]
