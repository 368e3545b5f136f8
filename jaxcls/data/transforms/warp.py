"""Affine operations of AutoAugment and RandAugment: shear, translation, rotation."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

from jaxcls.data.transforms.base import check_choice, keep_channels
from jaxcls.data.transforms.operation import Color, SignedOperation, channel_values
from jaxcls.data.transforms.resize import check_interpolation, cv2_interpolation


@dataclass(frozen=True, kw_only=True)
class Warp(SignedOperation):
    """An affine map; what comes from outside the image has the colour `pad_val`, RGB or a number for all channels."""

    pad_val: Color = 128
    interpolation: str = "nearest"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_interpolation(self.interpolation, "cv2")

    @abstractmethod
    def matrix(self, height: int, width: int, sign: int) -> np.ndarray:
        """Float (2, 3): where a point (x, y, 1) of the image goes."""

    def apply_signed(self, image: np.ndarray, sign: int) -> np.ndarray:
        """uint8 (H, W, C) -> the same shape."""
        height, width, channels = image.shape
        warped = cv2.warpAffine(
            image,
            self.matrix(height, width, sign),
            (width, height),
            flags=cv2_interpolation(self.interpolation),
            borderValue=channel_values("pad_val", self.pad_val, channels),
        )
        return keep_channels(warped)


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
        """float32 (2, 3)."""
        shear = sign * self.magnitude
        rows = ((1, shear, 0), (0, 1, 0)) if self.direction == "horizontal" else ((1, 0, 0), (shear, 1, 0))
        return np.array(rows, np.float32)


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
        """float32 (2, 3)."""
        shift = sign * self.magnitude
        x, y = (shift * width, 0) if self.direction == "horizontal" else (0, shift * height)
        return np.array(((1, 0, x), (0, 1, y)), np.float32)


@dataclass(frozen=True, kw_only=True)
class Rotate(Warp):
    """Rotates by `angle` degrees, clockwise, about `center` (x, y), by default the image's, and scales by `scale`."""

    magnitude_key: ClassVar[str] = "angle"

    angle: float
    center: tuple[float, float] | None = None
    scale: float = 1.0

    def matrix(self, height: int, width: int, sign: int) -> np.ndarray:
        """float64 (2, 3)."""
        center = self.center or ((width - 1) / 2, (height - 1) / 2)
        return cv2.getRotationMatrix2D(center, -sign * self.angle, self.scale)
