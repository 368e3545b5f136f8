"""Operations of AutoAugment and RandAugment that blend an image with a poorer one, after Pillow's `ImageEnhance`."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from PIL import ImageEnhance

from jaxcls.data.transforms.base import check_choice, keep_channels, with_pillow
from jaxcls.data.transforms.operation import SignedOperation
from jaxcls.data.transforms.tone import look_up

_VALUES = np.arange(256, dtype=np.float32)
_SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13  # Pillow's ImageFilter.SMOOTH


@dataclass(frozen=True, kw_only=True)
class Enhancement(SignedOperation):
    """(1 + magnitude) * image - magnitude * poorer image: 0 changes nothing, -1 leaves the poorer one.

    Attributes:
        magnitude: 0 or more for more of the image's own.
        backend: cv2, as the original does it, or pillow. Grey values, blended colours and smoothed values are rounded
            by the one and cut by the other.
    """

    magnitude_key: ClassVar[str] = "magnitude"
    pillow: ClassVar[type[Any]]  # the class of `ImageEnhance`

    magnitude: float
    backend: str = "cv2"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("backend", self.backend, ("cv2", "pillow"))

    @abstractmethod
    def enhance(self, image: np.ndarray, factor: float) -> np.ndarray:
        """uint8 (H, W, C) -> factor * image + (1 - factor) * the poorer image."""

    def apply_signed(self, image: np.ndarray, sign: int) -> np.ndarray:
        """uint8 (H, W, C) -> the same shape."""
        factor = 1 + sign * self.magnitude
        if self.backend == "cv2":
            return self.enhance(image, factor)
        return with_pillow(image, lambda pixels: self.pillow(pixels).enhance(factor))


@dataclass(frozen=True, kw_only=True)
class Brightness(Enhancement):
    """The poorer image is black."""

    pillow = ImageEnhance.Brightness

    def enhance(self, image: np.ndarray, factor: float) -> np.ndarray:
        """uint8 (H, W, C) -> brighter or darker."""
        return look_up(image, _blend(_VALUES, np.zeros_like(_VALUES), factor))


@dataclass(frozen=True, kw_only=True)
class Contrast(Enhancement):
    """The poorer image has everywhere the mean of the image's grey values."""

    pillow = ImageEnhance.Contrast

    def enhance(self, image: np.ndarray, factor: float) -> np.ndarray:
        """uint8 (H, W, C) -> more or less contrast."""
        mean = round(float(_gray(image).mean()))
        return look_up(image, _blend(_VALUES, np.full_like(_VALUES, mean), factor))


@dataclass(frozen=True, kw_only=True)
class ColorTransform(Enhancement):
    """The poorer image is grey; grey images stay as they are."""

    pillow = ImageEnhance.Color

    def enhance(self, image: np.ndarray, factor: float) -> np.ndarray:
        """uint8 (H, W, C) -> more or less colourful."""
        if image.shape[2] == 1:
            return image
        gray = cv2.cvtColor(_gray(image), cv2.COLOR_GRAY2RGB)
        return cv2.addWeighted(image, factor, gray, 1 - factor, 0)


@dataclass(frozen=True, kw_only=True)
class Sharpness(Enhancement):
    """The poorer image is smoothed, with cv2 at the border too, where Pillow leaves the image as it is."""

    pillow = ImageEnhance.Sharpness

    def enhance(self, image: np.ndarray, factor: float) -> np.ndarray:
        """uint8 (H, W, C) -> sharper or softer."""
        smooth = keep_channels(cv2.filter2D(image, -1, _SMOOTH))
        return keep_channels(_blend(image.astype(np.float32), smooth.astype(np.float32), factor).astype(np.uint8))


def _gray(image: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 3), RGB, or (H, W, 1) -> (H, W): 0.299 R + 0.587 G + 0.114 B."""
    return image[..., 0] if image.shape[2] == 1 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def _blend(image: np.ndarray, poorer: np.ndarray, factor: float) -> np.ndarray:
    return np.clip(cv2.addWeighted(image, factor, poorer, 1 - factor, 0), 0, 255).reshape(image.shape)
