"""Damaged image files are decoded or refused; nothing else happens."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from jaxcls.data.decode import COLOR_TYPES, DamagedImageError, decode_image
from tests.fuzz.mutations import attempt, damaged, examples

PIXELS = np.random.default_rng(0).integers(0, 256, (9, 12, 4), np.uint8)


def encoded(format_, mode="RGB", **options):
    image = Image.fromarray(PIXELS[..., :3])
    out = io.BytesIO()
    image.convert(mode).save(out, format_, **options)
    return out.getvalue()


FILES = {
    "jpeg": encoded("JPEG"),
    "progressive": encoded("JPEG", progressive=True, quality=40),
    "cmyk": encoded("JPEG", "CMYK"),
    "grey": encoded("JPEG", "L"),
    "png": encoded("PNG"),
    "palette": encoded("PNG", "P"),
    "png, 16 bits": encoded("PNG", "I;16") if hasattr(Image, "I16") else encoded("PNG", "LA"),
    "webp": encoded("WEBP"),
    "gif": encoded("GIF"),
    "bmp": encoded("BMP"),
    "tiff": encoded("TIFF"),
    "tiff, packed": encoded("TIFF", compression="tiff_lzw"),
    "ppm": encoded("PPM"),
    "pgm": encoded("PPM", "L"),
    "jpeg 2000": encoded("JPEG2000"),
    "nothing": b"",
}


@examples(80)
@given(damaged(FILES), st.sampled_from(sorted(COLOR_TYPES)), st.sampled_from([None, 1, 8, 10**6]))
@pytest.mark.filterwarnings("ignore")  # Pillow's, of metadata
def test_any_image(data, color_type, min_side):
    image, refusal = attempt(lambda: decode_image(data, "some.file", color_type, min_side), DamagedImageError)
    if refusal:
        assert "some.file" in refusal
        return
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] == (1 if "grayscale" in color_type else 3)
    assert min(image.shape) > 0
