"""What the samples of a TIFF are: other than in most formats, anything."""

from __future__ import annotations

import io

from PIL.TiffImagePlugin import ImageFileDirectory_v2

_BITS, _CHANNELS, _EXTRA, _FORMAT = 258, 277, 338, 339  # tags
_FORMATS = {1: "unsigned", 2: "signed", 3: "float", 4: "undefined", 5: "complex integer", 6: "complex"}
_MODES = {("float", 32): "mode F: ", ("signed", 32): "mode I: ", ("unsigned", 32): "mode I: "}  # Pillow's names
ALPHA = (1, 2)


def unsuitable_samples(data: bytes) -> str | None:
    """Why the samples of a TIFF cannot become 8 bits; None where they can, and for what is no TIFF."""
    if not data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return None
    try:
        tags = ImageFileDirectory_v2(data[: 16 if b"+" in data[2:4] else 8])  # BigTIFF
        stream = io.BytesIO(data)
        stream.seek(tags.next)
        tags.load(stream)
        bits, formats = tags.get(_BITS, (1,)), tags.get(_FORMAT, (1,))
        channels, extra = tags.get(_CHANNELS, 1), tags.get(_EXTRA, (0,))
    except Exception:  # a damaged header: the decoder says so
        return None
    kind = _FORMATS.get(formats[0], f"format {formats[0]}")
    if {*formats} != {1} or len({*bits}) > 1 or bits[0] not in (1, 2, 4, 8, 16):
        mode = _MODES.get((kind, bits[0]), "")
        return f"{mode}TIFF with {bits[0]}-bit {kind} samples; expected unsigned ones of 1, 2, 4, 8 or 16 bits"
    if channels not in (1, 3, 4) and not (channels == 2 and extra[0] in ALPHA and bits[0] == 8):
        return f"TIFF with {channels} channels of {bits[0]} bits; expected 1, 3 or 4, or grey and alpha of 8 bits"
    return None
