import io

import cv2
import numpy as np
import pytest
import simplejpeg
from PIL import Image, ImageOps

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


GRADIENT = np.stack([np.arange(60)[:, None] * 4 + np.zeros(80), np.zeros((60, 1)) + np.arange(80) * 3], -1)
GRADIENT = np.concatenate([GRADIENT, 255 - GRADIENT[..., :1]], -1).astype(np.uint8)
GREY = np.asarray(Image.fromarray(GRADIENT).convert("L"))
BITS16 = np.arange(4800, dtype=np.uint16).reshape(60, 80) * 13


@pytest.mark.parametrize(
    ("data", "expected", "error"),
    [
        (encode(Image.fromarray(GRADIENT).convert("CMYK"), "JPEG", quality=100), GRADIENT, 3),
        (encode(Image.fromarray(GRADIENT).convert("CMYK"), "TIFF"), GRADIENT, 0),
        (encode(Image.fromarray(GREY), "JPEG", quality=100), GREY, 2),
        (encode(Image.fromarray(GREY).convert("LA"), "PNG"), GREY, 0),
        (encode(Image.fromarray(GREY).convert("1"), "PNG"), Image.fromarray(GREY).convert("1").convert("L"), 0),
        (encode(Image.fromarray(GRADIENT).quantize(255), "PNG", transparency=3), None, 0),
        (encode(Image.fromarray(BITS16), "PNG"), BITS16 >> 8, 0),
        (encode(Image.fromarray(BITS16), "TIFF"), BITS16 >> 8, 0),
        (cv2.imencode(".png", GRADIENT[..., ::-1].astype(np.uint16) * 257)[1].tobytes(), GRADIENT, 0),
        (encode(Image.fromarray(GRADIENT), "WEBP", lossless=True), GRADIENT, 0),
    ],
    ids=["CMYK JPEG", "CMYK TIFF", "grey", "grey alpha", "1 bit", "palette", "16 bit", "16 TIFF", "48 bit", "WebP"],
)
def test_uncommon_files_look_as_a_person_expects(data, expected, error):
    if expected is None:
        expected = Image.fromarray(GRADIENT).quantize(255).convert("RGB")
    expected = np.asarray(expected).astype(int)
    expected = expected if expected.ndim == 3 else np.stack([expected] * 3, -1)
    decoded = decode_image(data, "x")
    assert decoded.dtype == np.uint8
    np.testing.assert_allclose(decoded, expected, atol=error)


@pytest.mark.parametrize("orientation", range(10))  # 1 to 8 have a meaning
@pytest.mark.parametrize(("format", "mode"), [("TIFF", "RGB"), ("JPEG", "RGB"), ("JPEG", "L")])
def test_every_exif_orientation(format, mode, orientation):
    exif, image = Image.Exif(), Image.fromarray(GRADIENT).convert(mode)
    exif[274] = orientation
    for color in ("color", "grayscale"):
        expected = Image.fromarray(decode_image(encode(image, format), "x", color).squeeze())
        expected.getexif()[274] = orientation
        turned = decode_image(encode(image, format, exif=exif), "x", color)
        assert turned.shape[:2] == ((80, 60) if orientation in range(5, 9) else (60, 80))
        np.testing.assert_array_equal(turned.squeeze(), ImageOps.exif_transpose(expected))


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


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_truncated_jpeg_is_not_filled_up_with_grey(monkeypatch, share):
    data = encode(Image.fromarray(GRADIENT).resize((400, 300)), "JPEG", quality=95)
    grey = np.full((300, 400, 3), 128, np.uint8)
    whole = decode_image(data, "x")
    monkeypatch.setattr(cv2, "imdecode", lambda *_: grey)  # what OpenCV 4 does
    with pytest.raises(UserError, match=r"x: not a readable image, or a damaged one .*truncated"):
        decode_image(data[: int(len(data) * share)], "x")
    np.testing.assert_array_equal(decode_image(data + b"a trailer", "x"), whole)


def sector_overwritten(data):
    """A JPEG of which 512 bytes among the coded pixels are others."""
    middle = (data.index(b"\xff\xda") + len(data)) // 2
    return data[:middle] + np.random.default_rng(0).bytes(512) + data[middle + 512 :]


@pytest.mark.parametrize("kind", ["colour", "grey", "turned", "progressive"])
def test_a_jpeg_whose_pixels_are_damaged_is_named(kind):
    exif = Image.Exif()
    exif[274] = 6 if kind == "turned" else 1
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8))
    data = encode(noise.convert("L" if kind == "grey" else "RGB"), "JPEG", exif=exif, progressive=kind == "progressive")
    for color in ("color", "grayscale"):
        with pytest.raises(UserError, match=r"x: not a readable image, or a damaged one .*[Mm]arker"):
            decode_image(sector_overwritten(data), "x", color)


def test_blemishes_that_leave_the_pixels_whole_are_no_damage():
    data = encode(Image.fromarray(GRADIENT), "JPEG", progressive=True)
    scan = data.rindex(b"\xff\xda")
    too_much = data[:scan] + b"\x12\x34\x56" + data[scan:]
    with pytest.raises(ValueError, match="extraneous bytes"):
        simplejpeg.decode_jpeg(too_much)
    np.testing.assert_array_equal(decode_image(too_much, "x"), decode_image(data, "x"))


@pytest.mark.parametrize("subsampling", ["411", "420", "422", "440", "444"])
@pytest.mark.parametrize("progressive", [0, 1])
def test_jpegs_have_the_pixels_that_opencv_gives(subsampling, progressive):
    image = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (123, 157, 3), np.uint8), (5, 5), 0)
    sampling = getattr(cv2, f"IMWRITE_JPEG_SAMPLING_FACTOR_{subsampling}")
    for quality in (30, 90, 100):
        options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
        data = cv2.imencode(".jpg", image, [*options, cv2.IMWRITE_JPEG_PROGRESSIVE, progressive])[1].tobytes()
        expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
        np.testing.assert_array_equal(decode_image(data, "x"), expected)


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


@pytest.mark.parametrize(
    ("min_side", "shape"),
    [(None, (101, 160)), (101, (101, 160)), (50, (51, 80)), (30, (51, 80)), (25, (26, 40)), (1, (13, 20))],
)
def test_scaled_decoding(min_side, shape):
    rows, columns = np.mgrid[:101, :160]
    smooth = np.stack([rows * 2, columns, rows + columns], -1).astype(np.uint8)
    data = encode(Image.fromarray(smooth), "JPEG", quality=98, subsampling=0)
    decoded = decode_image(data, "x", min_side=min_side)
    assert decoded.shape[:2] == shape
    factor = round(160 / shape[1])
    whole = decode_image(data, "x")[: 101 // factor * factor].astype(float)
    means = whole.reshape(101 // factor, factor, shape[1], factor, 3).mean((1, 3))
    assert np.abs(decoded[: len(means)] - means).mean() < 1
    assert decode_image(data, "x", "grayscale", min_side).shape == (*shape, 1)
    with pytest.raises(UserError, match=r"x: not a readable image.*premature end"):
        decode_image(data[: len(data) // 2] + b"\xff\xd9", "x", min_side=min_side)


@pytest.mark.parametrize("subsampling", [0, 1, 2, None])
@pytest.mark.parametrize(
    ("factor", "flag"),
    [(2, cv2.IMREAD_REDUCED_GRAYSCALE_2), (4, cv2.IMREAD_REDUCED_GRAYSCALE_4), (8, cv2.IMREAD_REDUCED_GRAYSCALE_8)],
)
def test_scaled_decoding_gives_opencvs_pixels(factor, flag, subsampling):
    rng = np.random.default_rng(factor)
    for shape in rng.integers(8, 70, (20, 2)):
        pixels = rng.integers(0, 256, (*shape, 3), np.uint8)
        image = Image.fromarray(pixels) if subsampling is not None else Image.fromarray(pixels[..., 0])
        data = encode(image, "JPEG", **({} if subsampling is None else {"subsampling": subsampling}))
        encoded, side = np.frombuffer(data, np.uint8), min(shape) // factor
        np.testing.assert_array_equal(
            decode_image(data, "x", min_side=side), cv2.imdecode(encoded, flag | cv2.IMREAD_COLOR_RGB)
        )
        np.testing.assert_array_equal(decode_image(data, "x", "grayscale", side)[..., 0], cv2.imdecode(encoded, flag))


def test_an_image_that_pillow_finds_too_large(monkeypatch):
    exif = Image.Exif()
    exif[274] = 6
    data = encode(Image.fromarray(GRADIENT), "JPEG", exif=exif)
    expected = [decode_image(data, "x", min_side=side) for side in (None, 10)]
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for side, image in zip((None, 10), expected, strict=True):
        np.testing.assert_array_equal(decode_image(data, "x", min_side=side), image)


def test_scaled_decoding_is_for_jpegs_and_keeps_the_orientation():
    assert decode_image(encode(Image.fromarray(GRADIENT), "PNG"), "x", min_side=10).shape == (60, 80, 3)
    exif = Image.Exif()
    exif[274] = 6
    data = encode(Image.fromarray(GRADIENT), "JPEG", exif=exif)
    assert decode_image(data, "x", min_side=30).shape == (40, 30, 3)
    assert decode_image(data, "x", "color_ignore_orientation", 30).shape == (30, 40, 3)
    with pytest.raises(UserError, match=r"x: not a readable image"):
        decode_image(data[:90], "x", min_side=30)
    with pytest.raises(UserError, match="min_side=0: expected 1 or more pixels"):
        LoadImageFromFile(min_side=0)
