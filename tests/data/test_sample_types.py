"""Bits, channels and modes of image files: each becomes 8-bit RGB by a rule of docs/data.md, or is refused."""

from __future__ import annotations

import io
import struct

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from jaxcls.data.decode import DamagedImageError, decode_image
from jaxcls.data.pipeline import build_dataset
from jaxcls.data.sources import TFDS, CustomDataset
from jaxcls.data.transforms import LoadImageFromFile
from jaxcls.errors import UserError
from jaxcls.tools.pack import pack
from jaxcls.tools.verify_dataset import damaged_images

GREY = (np.arange(60)[:, None] * 2 + np.arange(80)).astype(np.uint8)
COLOR = np.stack([GREY, 255 - GREY, GREY // 2], -1)
DEEP = GREY.astype(np.uint16) * 257


def encode(image, format, **options):
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def tiff(samples, bits, format=1, channels=1, photometric=None, extra=None):
    """An uncompressed TIFF of 80 x 60 pixels; `format` is 1 for unsigned samples, 2 signed, 3 float."""
    photometric = photometric if photometric is not None else 2 if channels >= 3 else 1
    tags = {256: 80, 257: 60, 258: [bits] * channels, 259: 1, 262: photometric, 273: 0, 277: channels, 278: 60}
    tags |= {279: len(samples), 339: [format] * channels} | ({338: extra} if extra else {})
    start, after, entries = 14 + 12 * len(tags), b"", b""
    for tag, value in sorted(tags.items()):
        values = value if isinstance(value, list) else [value]
        packed = struct.pack(f"<{len(values)}H", *values)
        if len(packed) > 4:
            packed, after = struct.pack("<I", start + len(after)), after + packed
        size = (tag in (273, 279) and (4, 1)) or (3, len(values))
        if tag == 273:
            packed = b"\0\0\0\0"
        elif tag == 279:
            packed = struct.pack("<I", value)
        entries += struct.pack("<HHI", tag, *size) + packed.ljust(4, b"\0")
    place = entries.index(struct.pack("<HHI", 273, 4, 1)) + 8
    entries = entries[:place] + struct.pack("<I", start + len(after)) + entries[place + 4 :]
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4) + after + samples


def nibbles(values):
    return (values[:, ::2] << 4 | values[:, 1::2]).astype(np.uint8).tobytes()


def frames(format, **options):
    first, second = Image.fromarray(COLOR), Image.fromarray(COLOR[::-1])
    return encode(first, format, save_all=True, append_images=[second], **options)


def rgba(half=GREY):
    return Image.merge("RGBA", [*Image.fromarray(COLOR).split(), Image.fromarray(half)])


BITS = np.asarray(Image.fromarray(GREY).convert("1")).astype(np.uint8) * 255
PALETTE = Image.fromarray(COLOR).quantize(250)
FLAT = np.asarray(PALETTE.convert("RGB"))
READ = {  # name -> file, pixels, largest difference
    "TIFF 16 bits": (tiff(DEEP.tobytes(), 16), GREY, 0),
    "TIFF 16 bits, big endian": (encode(Image.fromarray(DEEP.astype(">u2")), "TIFF"), GREY, 0),
    "TIFF 16 bits, colour": (tiff((COLOR.astype("<u2") * 257).tobytes(), 16, channels=3), COLOR, 0),
    "TIFF 16 bits, white is 0": (tiff((65535 - DEEP).tobytes(), 16, photometric=0), GREY, 0),
    "TIFF 8 bits, white is 0": (tiff((255 - GREY).tobytes(), 8, photometric=0), GREY, 0),
    "TIFF 4 bits": (tiff(nibbles(GREY >> 4), 4), (GREY >> 4) * 17, 0),
    "TIFF 1 bit": (encode(Image.fromarray(BITS).convert("1"), "TIFF", compression="group4"), BITS, 0),
    "TIFF palette": (encode(PALETTE, "TIFF"), FLAT, 0),
    "TIFF grey, alpha": (tiff(np.dstack([GREY, GREY]).tobytes(), 8, channels=2, extra=2), GREY, 0),
    "TIFF colour, alpha": (encode(rgba(), "TIFF"), COLOR, 0),
    "TIFF CMYK": (encode(Image.fromarray(COLOR).convert("CMYK"), "TIFF"), COLOR, 0),
    "TIFF pages": (frames("TIFF"), COLOR, 0),
    "PNG 16 bits": (encode(Image.fromarray(DEEP), "PNG"), GREY, 0),
    "PNG 16 bits, colour": (cv2.imencode(".png", COLOR[..., ::-1].astype(np.uint16) * 257)[1].tobytes(), COLOR, 0),
    "PNG 1 bit": (encode(Image.fromarray(BITS).convert("1"), "PNG"), BITS, 0),
    "PNG palette": (encode(PALETTE, "PNG"), FLAT, 0),
    "PNG palette, alpha": (encode(PALETTE, "PNG", transparency=bytes(range(250))), FLAT, 0),
    "PNG grey, alpha": (encode(Image.fromarray(GREY).convert("LA"), "PNG"), GREY, 0),
    "PNG grey, one transparent": (encode(Image.fromarray(GREY), "PNG", transparency=7), GREY, 0),
    "PNG colour, alpha": (encode(rgba(), "PNG"), COLOR, 0),
    "PNG animated": (frames("PNG"), COLOR, 0),
    "JPEG CMYK": (encode(Image.fromarray(COLOR).convert("CMYK"), "JPEG", quality=100), COLOR, 4),
    "GIF animated": (frames("GIF"), FLAT, 12),
    "WebP alpha": (encode(rgba(), "WEBP", lossless=True, exact=True), COLOR, 0),
    "WebP animated": (frames("WEBP", lossless=True), COLOR, 0),
    "BMP palette": (encode(PALETTE, "BMP"), FLAT, 0),
    "PGM 16 bits": (b"P5 80 60 65535\n" + DEEP.astype(">u2").tobytes(), GREY, 0),
    "PGM to 1000": (b"P5\n# x\n80 60\n1000\n" + (GREY / 255 * 1000).round().astype(">u2").tobytes(), GREY, 1),
    "PGM to 15": (b"P5 80 60 15\n" + (GREY >> 4).tobytes(), (GREY >> 4) * 17, 0),
    "PGM plain": (b"P2 80 60 255\n" + " ".join(map(str, GREY.ravel().tolist())).encode(), GREY, 0),
    "PPM to 1000": (b"P6 80 60 1000\n" + (COLOR / 255 * 1000).round().astype(">u2").tobytes(), COLOR, 1),
    "PBM": (encode(Image.fromarray(BITS).convert("1"), "PPM"), BITS, 0),
}
if ".jp2" in Image.registered_extensions():
    READ["JPEG 2000, 16 bits"] = encode(Image.fromarray(DEEP), "JPEG2000"), GREY, 0
if ".avif" in Image.registered_extensions():
    READ["AVIF"] = encode(Image.fromarray(COLOR), "AVIF", quality=100, subsampling="4:4:4"), COLOR, 4


@pytest.mark.parametrize("kind", READ)
def test_it_is_read_by_its_rule(kind):
    data, expected, error = READ[kind]
    expected = expected if expected.ndim == 3 else np.stack([expected] * 3, -1)
    decoded = decode_image(data, "x")
    assert decoded.dtype == np.uint8
    np.testing.assert_allclose(decoded.astype(int), expected.astype(int), atol=error)
    grey = np.asarray(Image.fromarray(decoded).convert("L")).astype(int)
    np.testing.assert_allclose(decode_image(data, "x", "grayscale")[..., 0].astype(int), grey, atol=1)


FLOAT, INTEGER = (GREY / 255).astype("<f4"), GREY.astype("<i4") << 22
REFUSED = {  # name -> file, message
    "float": (tiff(FLOAT.tobytes(), 32, 3), "mode F: TIFF with 32-bit float samples; expected unsigned ones of"),
    "float 0..255": (
        encode(Image.fromarray(GREY.astype(np.float32)), "TIFF"),
        "mode F: TIFF with 32-bit float samples",
    ),
    "float colour": (tiff(COLOR.astype("<f4").tobytes(), 32, 3, 3), "mode F: TIFF with 32-bit float samples"),
    "half": (tiff(FLOAT.astype("<f2").tobytes(), 16, 3), "TIFF with 16-bit float samples"),
    "double": (tiff(FLOAT.astype("<f8").tobytes(), 64, 3), "TIFF with 64-bit float samples"),
    "integer": (tiff(INTEGER.tobytes(), 32, 2), "mode I: TIFF with 32-bit signed samples"),
    "small integer": (
        encode(Image.fromarray(GREY.astype(np.int32)), "TIFF"),
        "mode I: TIFF with 32-bit signed samples",
    ),
    "unsigned": (tiff(INTEGER.astype("<u4").tobytes(), 32), "mode I: TIFF with 32-bit unsigned samples"),
    "signed 16": (tiff(GREY.astype("<i2").tobytes(), 16, 2), "TIFF with 16-bit signed samples"),
    "signed 8": (tiff(GREY.view("i1").tobytes(), 8, 2), "TIFF with 8-bit signed samples"),
    "12 bits": (tiff(bytes(60 * 120), 12), "TIFF with 12-bit unsigned samples"),
    "5 channels": (tiff(bytes(5 * 4800), 8, channels=5), "TIFF with 5 channels of 8 bits; expected 1, 3 or 4"),
    "2 channels": (
        tiff(bytes(2 * 4800), 8, channels=2),
        "TIFF with 2 channels of 8 bits; expected 1, 3 or 4, or grey and alpha",
    ),
    "16 bits, alpha": (tiff(bytes(4 * 4800), 16, channels=2, extra=2), "TIFF with 2 channels of 16 bits; expected"),
    "8 bits in 16": (tiff(GREY.astype("<u2").tobytes(), 16), "16-bit samples up to 197 of 65535 would come out black"),
    "PNG 8 bits in 16": (
        encode(Image.fromarray(GREY.astype(np.uint16)), "PNG"),
        "would come out black; save it with 8",
    ),
    "PGM 8 bits in 16": (b"P5 80 60 65535\n" + GREY.astype(">u2").tobytes(), "would come out black"),
    "PFM": (
        b"Pf\n80 60\n-1.0\n" + FLOAT.tobytes(),
        "mode F: 32-bit float samples; nothing says which value|no known format",
    ),
    "Radiance": (cv2.imencode(".hdr", COLOR.astype(np.float32) / 255)[1].tobytes(), "of no known format"),
    "huge": (READ["BMP palette"][0][:18] + struct.pack("<ii", 2**30, 2**30) + READ["BMP palette"][0][26:], "pixels"),
    "huge PNG": (READ["PNG palette"][0][:16] + struct.pack(">II", 2**30, 2**30) + READ["PNG palette"][0][24:], ""),
}
if ".jp2" in Image.registered_extensions():
    REFUSED["JPEG 2000, 8 in 16"] = encode(Image.fromarray(GREY.astype(np.uint16)), "JPEG2000"), "would come out black"


@pytest.mark.parametrize("kind", REFUSED)
def test_it_is_refused_with_the_reason(kind):
    data, message = REFUSED[kind]
    for color in ("color", "grayscale", "color_ignore_orientation"):
        with pytest.raises(DamagedImageError, match=f"x: not a readable image, or a damaged one .*{message}"):
            decode_image(data, "x", color)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiffs_are_turned_unless_that_is_ignored(orientation):
    exif = Image.Exif()
    exif[274] = orientation
    for image in (Image.fromarray(COLOR), Image.fromarray(DEEP), rgba()):
        data = encode(image, "TIFF", exif=exif)
        stored = decode_image(encode(image, "TIFF"), "x")
        np.testing.assert_array_equal(decode_image(data, "x", "color_ignore_orientation"), stored)
        turned = Image.fromarray(stored)
        turned.getexif()[274] = orientation
        np.testing.assert_array_equal(decode_image(data, "x"), ImageOps.exif_transpose(turned))


def test_a_deflated_tiff_with_a_changed_byte_is_damaged():
    data = bytearray(encode(Image.fromarray(COLOR), "TIFF", compression="tiff_adobe_deflate"))
    data[len(data) // 2] ^= 1
    with pytest.raises(DamagedImageError):
        decode_image(bytes(data), "x")


def test_black_is_black():
    for data in (tiff(bytes(9600), 16), encode(Image.fromarray(DEEP * 0), "PNG")):
        assert not decode_image(data, "x").any()


def test_all_ways_to_read_a_file_agree(tmp_path):
    """By its path, packed, as bytes in a TFDS set, and in verify_dataset."""
    kinds = {"16": tiff(DEEP.tobytes(), 16), "P": READ["PNG palette, alpha"][0], "gif": READ["GIF animated"][0]}
    (tmp_path / "in/a").mkdir(parents=True)
    for name, data in kinds.items():
        (tmp_path / f"in/a/{name}.png").write_bytes(data)
    source = CustomDataset(str(tmp_path / "in"))
    assert list(damaged_images(source)) == []
    pack({"train": source}, "kinds", str(tmp_path / "packed"))
    packed = [sample["image"] for sample in TFDS("kinds", "train", data_dir=str(tmp_path / "packed"))]
    for sample in source:
        pixels = LoadImageFromFile()(sample, np.random.default_rng(0))["image"]
        name = sample["filename"].rpartition("/")[2].removesuffix(".png")
        np.testing.assert_array_equal(pixels, decode_image(kinds[name], name))
        assert any(np.array_equal(pixels, other) for other in packed)


def test_all_ways_to_read_a_file_refuse_it(tmp_path):
    (tmp_path / "in/a").mkdir(parents=True)
    (tmp_path / "in/a/x.tif").write_bytes(REFUSED["float"][0])
    source = CustomDataset(str(tmp_path / "in"))
    (message,) = damaged_images(source)
    assert message.startswith(str(tmp_path / "in/a/x.tif"))
    assert "mode F" in message
    with pytest.raises(UserError, match="mode F"):
        pack({"train": source}, "kinds", str(tmp_path / "packed"))
    node = {"type": "CustomDataset", "data_prefix": str(tmp_path / "in"), "pipeline": [{"type": "LoadImageFromFile"}]}
    with pytest.raises(UserError, match="mode F"):
        build_dataset(node).sample(0, np.random.default_rng(0))
