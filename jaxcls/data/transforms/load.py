"""Reading an image file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from jaxcls.data.decode import COLOR_TYPES, DamagedImageError, decode_image
from jaxcls.data.transforms.base import Sample, check_choice
from jaxcls.errors import UserError


@dataclass(frozen=True)
class LoadImageFromFile:
    """Sets the sample's `image` from its `filename`: (H, W, 3), RGB, or (H, W, 1) with `color_type="grayscale"`.

    The original's images are BGR here; `Normalize` knows.

    Args:
        to_float32: float32 instead of uint8 values, still 0..255.
        color_type: `color`, `grayscale`, or either with `_ignore_orientation`.
        min_side: large JPEGs are decoded at 1/2, 1/4 or 1/8 of their size, the smallest whose shorter side has as
            many pixels: faster, and the pixels differ a little from those resized. None: as they are.

    Raises:
        DamagedImageError: the file is missing or damaged; the message names its path.
    """

    varies: ClassVar[bool] = False

    to_float32: bool = False
    color_type: str = "color"
    min_side: int | None = None

    def __post_init__(self) -> None:
        check_choice("color_type", self.color_type, COLOR_TYPES)
        if self.min_side is not None and self.min_side < 1:
            raise UserError(f"min_side={self.min_side!r}: expected 1 or more pixels, or None")

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """The sample with `image`."""
        path = sample["filename"]
        try:
            with open(path, "rb") as file:
                data = file.read()
        except (OSError, ValueError) as error:  # ValueError: the name holds a NUL
            reason = error.strerror if isinstance(error, OSError) else error
            raise DamagedImageError(f"{path}: cannot read the image: {reason}") from error
        image = decode_image(data, path, self.color_type, self.min_side)
        return {**sample, "image": image.astype(np.float32) if self.to_float32 else image}
