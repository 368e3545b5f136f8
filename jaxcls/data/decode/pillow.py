"""The formats that OpenCV does not read, or not as it should."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from jaxcls.data.decode.damage import DamagedImageError, damaged, would_be_black
from jaxcls.data.decode.jpeg import TO_UPRIGHT

_ORIENTATION, _PHOTOMETRIC = 274, 262  # tags of TIFF
_BACK = {6: 8, 8: 6}  # orientation -> the one that undoes it; the others undo themselves


def decode_with_pillow(data: bytes, name: str, color_type: str) -> np.ndarray:
    """See `decode_image`.

    Raises:
        DamagedImageError: Pillow cannot read it either, or the samples have no scale.
    """
    color, as_stored = color_type.startswith("color"), color_type.endswith("ignore_orientation")
    try:
        with Image.open(io.BytesIO(data)) as image:
            is_tiff = image.format == "TIFF"  # Pillow turns them while it loads them
            orientation = getattr(image, "tag_v2", {}).get(_ORIENTATION)
            upright = image if as_stored or is_tiff else ImageOps.exif_transpose(image)
            pixels = _to_uint8(image, upright, data, name, color)
    except DamagedImageError:
        raise
    except Exception as error:  # Pillow's plugins raise anything for broken files
        reason = "of no known format" if isinstance(error, UnidentifiedImageError) else error
        raise damaged(data, name, reason) from error
    if as_stored and is_tiff and orientation in TO_UPRIGHT:
        pixels = np.ascontiguousarray(TO_UPRIGHT[_BACK.get(orientation, orientation)](pixels))
    return pixels


def _to_uint8(opened: Image.Image, image: Image.Image, data: bytes, name: str, color: bool) -> np.ndarray:
    """The pixels of `image`, made from `opened`, which knows the file."""
    if image.mode.startswith("I;16") or (image.mode == "I" and opened.format in ("PPM", "PNG")):  # 0..65535 there
        samples = np.asarray(image)
        if getattr(opened, "tag_v2", {}).get(_PHOTOMETRIC) == 0:  # white
            samples = 65535 - samples
        grey = (samples >> 8).astype(np.uint8)[..., None]
        if samples.any() and not grey.any():
            raise would_be_black(data, name, samples.max())
        return np.repeat(grey, 3, axis=2) if color else grey
    if image.mode in ("I", "F"):
        kind = "float" if image.mode == "F" else "integer"
        raise damaged(data, name, f"mode {image.mode}: 32-bit {kind} samples; nothing says which value is white")
    pixels = np.array(image.convert("RGB" if color else "L"))
    return pixels if color else pixels[..., None]
