"""Resizing, with OpenCV or Pillow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from PIL import Image

from jaxcls.data.transforms.base import ImageTransform, check_choice, keep_channels, size_pair, with_pillow

CV2_INTERPOLATIONS = {
    "nearest": cv2.INTER_NEAREST,
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
    "lanczos": cv2.INTER_LANCZOS4,
}
PILLOW_INTERPOLATIONS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "box": Image.Resampling.BOX,
    "lanczos": Image.Resampling.LANCZOS,
    "hamming": Image.Resampling.HAMMING,
}


def check_interpolation(interpolation: str, backend: str) -> None:
    """Raises UserError unless the backend exists and knows the interpolation."""
    check_choice("backend", backend, ("cv2", "pillow"))
    known = CV2_INTERPOLATIONS if backend == "cv2" else PILLOW_INTERPOLATIONS
    check_choice(f"interpolation (backend {backend})", interpolation, known)


def resize(image: np.ndarray, height: int, width: int, interpolation: str, backend: str) -> np.ndarray:
    """(H, W, C) -> (height, width, C). Only Pillow filters against aliasing when it makes an image smaller."""
    if backend == "cv2":
        return keep_channels(cv2.resize(image, (width, height), interpolation=CV2_INTERPOLATIONS[interpolation]))
    return with_pillow(image, lambda pixels: pixels.resize((width, height), PILLOW_INTERPOLATIONS[interpolation]))


@dataclass(frozen=True)
class Resize(ImageTransform):
    """Resizes the image.

    Args:
        size: int (a square), (height, width), or (s, -1): the side that `adaptive_side` names becomes s, the other one
            follows, cut to an integer.
        interpolation: nearest, bilinear, bicubic, lanczos; cv2 has area too, pillow box and hamming.
        adaptive_side: short, long, height or width.
        backend: cv2 or pillow.
    """

    varies: ClassVar[bool] = False

    size: int | tuple[int, int]
    interpolation: str = "bilinear"
    adaptive_side: str = "short"
    backend: str = "cv2"

    def __post_init__(self) -> None:
        size = self.size
        adaptive = isinstance(size, tuple | list) and len(size) == 2 and size[1] == -1
        size_pair("size", size[0] if adaptive else size)  # type: ignore[index]
        check_choice("adaptive_side", self.adaptive_side, ("short", "long", "height", "width"))
        check_interpolation(self.interpolation, self.backend)

    def transform(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(H, W, C) -> resized."""
        height, width = self._target(*image.shape[:2])
        if self._adaptive and (height, width) == image.shape[:2]:
            return image
        return resize(image, height, width, self.interpolation, self.backend)

    @property
    def _adaptive(self) -> bool:
        return not isinstance(self.size, int) and self.size[1] == -1

    def _target(self, height: int, width: int) -> tuple[int, int]:
        if isinstance(self.size, int):
            return self.size, self.size
        if not self._adaptive:
            return self.size[0], self.size[1]
        target, side = self.size[0], self.adaptive_side
        if side == "width" or (side == "short" and width < height) or (side == "long" and width > height):
            return int(target * height / width), target
        return target, int(target * width / height)
