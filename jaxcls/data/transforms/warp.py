"""Affine operations of AutoAugment and RandAugment: shear, translation, rotation."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from PIL import Image

from jaxcls.data.transforms.base import check_choice, keep_channels, with_pillow
from jaxcls.data.transforms.operation import Color, SignedOperation, channel_values
from jaxcls.data.transforms.resize import CV2_INTERPOLATIONS, PILLOW_INTERPOLATIONS, check_interpolation


@dataclass(frozen=True, kw_only=True)
class Warp(SignedOperation):
    """An affine map of the image.

    Attributes:
        pad_val: the colour of what comes from outside the image, RGB or a number for all channels.
        interpolation: nearest, bilinear or bicubic; cv2 has area and lanczos too.
        backend: cv2, with the origin in the middle of the first pixel, or pillow, with the origin at its outer corner.
    """

    pad_val: Color = 128
    interpolation: str = "nearest"
    backend: str = "cv2"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_interpolation(self.interpolation, self.backend)
        if self.backend == "pillow":
            check_choice("interpolation", self.interpolation, ("nearest", "bilinear", "bicubic"))

    @abstractmethod
    def matrix(self, height: int, width: int, sign: int) -> np.ndarray:
        """Float (2, 3): where a point (x, y, 1) of the image goes."""

    def apply_signed(self, image: np.ndarray, sign: int) -> np.ndarray:
        """uint8 (H, W, C) -> the same shape."""
        height, width, channels = image.shape
        matrix, size = self.matrix(height, width, sign), (width, height)
        color = channel_values("pad_val", self.pad_val, channels)
        if self.backend == "cv2":
            flags = CV2_INTERPOLATIONS[self.interpolation]
            return keep_channels(cv2.warpAffine(image, matrix, size, flags=flags, borderValue=color))
        inverse = tuple(cv2.invertAffineTransform(matrix).ravel().tolist())
        resampling = PILLOW_INTERPOLATIONS[self.interpolation]
        fill = tuple(map(round, color)) if channels > 1 else round(color[0])
        return with_pillow(
            image, lambda pixels: pixels.transform(size, Image.Transform.AFFINE, inverse, resampling, fillcolor=fill)
        )


@dataclass(frozen=True, kw_only=True)
class Shear(Warp):
    """Shears by `magnitude` pixels a pixel, in direction `horizontal` or `vertical`."""

    magnitude_key: ClassVar[str] = "magnitude"

    magnitude: float
    direction: str = "horizontal"
    interpolation: str = "bicubic"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("direction", self.direction, ("horizontal", "vertical"))

    def matrix(self, height: int, width: int, sign: int) -> np.ndarray:
        """Float64 (2, 3)."""
        shear = sign * self.magnitude
        rows = ((1, shear, 0), (0, 1, 0)) if self.direction == "horizontal" else ((1, 0, 0), (shear, 1, 0))
        return np.array(rows)


@dataclass(frozen=True, kw_only=True)
class Translate(Warp):
    """Moves by `magnitude` times the image's side, in direction `horizontal` or `vertical`."""

    magnitude_key: ClassVar[str] = "magnitude"

    magnitude: float
    direction: str = "horizontal"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("direction", self.direction, ("horizontal", "vertical"))

    def matrix(self, height: int, width: int, sign: int) -> np.ndarray:
        """Float64 (2, 3)."""
        shift = sign * self.magnitude
        x, y = (shift * width, 0) if self.direction == "horizontal" else (0, shift * height)
        return np.array(((1.0, 0.0, x), (0.0, 1.0, y)))


@dataclass(frozen=True, kw_only=True)
class Rotate(Warp):
    """Rotates by `angle` degrees, clockwise, about `center` (x, y), by default the image's, and scales by `scale`."""

    magnitude_key: ClassVar[str] = "angle"

    angle: float
    center: tuple[float, float] | None = None
    scale: float = 1.0

    def matrix(self, height: int, width: int, sign: int) -> np.ndarray:
        """Float64 (2, 3)."""
        first = 0.5 if self.backend == "cv2" else 0.0  # from the outer corner to the origin
        center = self.center or (width / 2 - first, height / 2 - first)
        return cv2.getRotationMatrix2D(center, -sign * self.angle, self.scale)
