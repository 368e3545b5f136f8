import io

import cv2
import numpy as np
import pytest
from PIL import Image

from jaxcls.data.decode import decode_image
from jaxcls.data.transforms import LoadImageFromFile
from jaxcls.errors import UserError

PICTURE = np.zeros((20, 30, 3), np.uint8)
PICTURE[:10, :, 0], PICTURE[10:, :15, 1], PICTURE[10:, 15:, 2] = 250, 240, 230


def encode(image, format, **options):
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


@pytest.mark.parametrize("format", ["PNG", "BMP", "PPM", "TIFF"])
def test_lossless_formats_come_out_as_rgb(format):
    np.testing.assert_array_equal(decode_image(encode(Image.fromarray(PICTURE), format), "x"), PICTURE)


@pytest.mark.parametrize("mode", ["P", "GIF", "CMYK", "RGBA"])
def test_other_colour_spaces_come_out_as_rgb(mode):
    image = Image.fromarray(PICTURE)
    if mode == "P":
        data = encode(image.quantize(16), "PNG")
    elif mode == "GIF":
        data = encode(image, "GIF")
    else:
        data = encode(image.convert(mode), "JPEG" if mode == "CMYK" else "PNG")
    decoded = decode_image(data, "x")
    assert decoded.shape == PICTURE.shape
    assert np.abs(decoded[5::8, 5::8].astype(int) - PICTURE[5::8, 5::8]).max() < 30


def test_grey_files():
    grey = PICTURE[..., 0]
    data = encode(Image.fromarray(grey), "PNG")
    np.testing.assert_array_equal(decode_image(data, "x"), np.stack([grey] * 3, -1))
    np.testing.assert_array_equal(decode_image(data, "x", "grayscale"), grey[..., None])


def test_exif_orientation_is_applied_unless_ignored():
    exif = Image.Exif()
    exif[274] = 6  # rotate by 90 degrees
    data = encode(Image.fromarray(PICTURE), "JPEG", exif=exif, quality=100)
    assert decode_image(data, "x").shape == (30, 20, 3)
    assert decode_image(data, "x", "color_ignore_orientation").shape == (20, 30, 3)


@pytest.mark.parametrize("content", ["empty", "text", "half a JPEG", "half a PNG"])
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "broken.jpg"
    full = {"half a JPEG": ".jpg", "half a PNG": ".png"}
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    data = (
        cv2.imencode(full[content], noise)[1].tobytes() if content in full else b"" if content == "empty" else b"hello"
    )
    path.write_bytes(data[: len(data) // 2] if content in full else data)
    with pytest.raises(UserError, match=r"broken\.jpg: not a readable image, or a damaged one"):
        LoadImageFromFile()({"filename": str(path), "label": 0}, np.random.default_rng(0))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.jpg: cannot read the image: No such file"):
        LoadImageFromFile()({"filename": str(tmp_path / "nowhere.jpg")}, np.random.default_rng(0))


def test_load_to_float32(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encode(Image.fromarray(PICTURE), "PNG"))
    sample = LoadImageFromFile(to_float32=True)({"filename": str(path), "label": 4}, np.random.default_rng(0))
    assert sample["image"].dtype == np.float32
    np.testing.assert_array_equal(sample["image"], PICTURE)
    assert sample["label"] == 4
