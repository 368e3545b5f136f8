"""One image, with the decoder that its format asks for."""

from __future__ import annotations

import numpy as np

from jaxcls.data.decode.damage import damaged
from jaxcls.data.decode.jpeg import JPEG, decode_jpeg
from jaxcls.data.decode.opencv import decode_with_opencv
from jaxcls.data.decode.pillow import decode_with_pillow
from jaxcls.data.decode.tiff import unsuitable_samples


def decode_image(data: bytes, name: str, color_type: str = "color", min_side: int | None = None) -> np.ndarray:
    """The image that `data` encodes; the first one of an animation or of several pages.

    Grey, palette and CMYK files come out as RGB with `color`. 16-bit samples are divided by 256, those of PPM and PGM
    by their largest value; an alpha channel is left out. Samples that are signed, float or have 32 bits are refused:
    nothing says which value is white.

    Args:
        data: a JPEG, PNG, ... file's content.
        name: what to call it in messages, its path.
        color_type: a key of `COLOR_TYPES`.
        min_side: JPEGs are decoded at 1/2, 1/4 or 1/8 of their size, the smallest whose shorter side has as many
            pixels; None: as they are.

    Returns:
        uint8 (H, W, 3), RGB, or (H, W, 1) with a `grayscale` type.

    Raises:
        DamagedImageError: the bytes are no image, a damaged one, or one whose samples are no 8 or 16 bits.
    """
    if data.startswith(JPEG) and (image := decode_jpeg(data, name, color_type, min_side)) is not None:
        return image
    if (reason := unsuitable_samples(data)) is not None:
        raise damaged(data, name, reason)
    image = decode_with_opencv(data, name, color_type, min_side)
    return decode_with_pillow(data, name, color_type) if image is None else image
