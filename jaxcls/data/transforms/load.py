"""Reading an image file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jaxcls.data.decode import COLOR_TYPES, decode_image
from jaxcls.data.transforms.base import Sample, check_choice
from jaxcls.errors import UserError


@dataclass(frozen=True)
class LoadImageFromFile:
    """Sets the sample's `image` from its `filename`: (H, W, 3), RGB, or (H, W, 1) with `color_type="grayscale"`.

    The original's images are BGR here; `Normalize` knows.

    Args:
        to_float32: float32 instead of uint8 values, still 0..255.
        color_type: `color`, `grayscale`, or either with `_ignore_orientation`.

    Raises:
        UserError: the file is missing or damaged; the message names its path.
    """

    to_float32: bool = False
    color_type: str = "color"

    def __post_init__(self) -> None:
        check_choice("color_type", self.color_type, COLOR_TYPES)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """The sample with `image`."""
        path = sample["filename"]
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise UserError(f"{path}: cannot read the image: {error.strerror}") from error
        image = decode_image(data, path, self.color_type)
        return {**sample, "image": image.astype(np.float32) if self.to_float32 else image}
