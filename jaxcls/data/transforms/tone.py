"""Operations of AutoAugment and RandAugment that map each channel's values by a table of 256 entries."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

from jaxcls.data.transforms.base import keep_channels
from jaxcls.data.transforms.operation import Operation
from jaxcls.errors import UserError

_VALUES = np.arange(256)


def look_up(image: np.ndarray, table: np.ndarray) -> np.ndarray:
    """uint8 (H, W, C) -> each value replaced by its entry in `table`, (256,) or (256, C), cut to an integer."""
    return keep_channels(cv2.LUT(image, np.asarray(table, np.uint8)[None]))


def look_up_by_channel(image: np.ndarray, table: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """uint8 (H, W, C) -> each channel's values replaced by `table(channel)`, (256,)."""
    return look_up(image, np.stack([table(channel) for channel in np.moveaxis(image, 2, 0)], axis=1))


@dataclass(frozen=True, kw_only=True)
class Invert(Operation):
    """255 - value."""

    def apply(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """uint8 (H, W, C) -> the same shape."""
        return 255 - image


@dataclass(frozen=True, kw_only=True)
class AutoContrast(Operation):
    """Spreads each channel's values over 0..255, as Pillow's `ImageOps.autocontrast`."""

    def apply(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """uint8 (H, W, C) -> the same shape."""
        return look_up_by_channel(image, _stretch)


def _stretch(channel: np.ndarray) -> np.ndarray:
    low, high = int(channel.min()), int(channel.max())
    if low == high:
        return _VALUES
    scale = 255 / (high - low)
    return np.clip(_VALUES * scale - low * scale, 0, 255)


@dataclass(frozen=True, kw_only=True)
class Equalize(Operation):
    """Equalises each channel's histogram, as Pillow's `ImageOps.equalize`."""

    def apply(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """uint8 (H, W, C) -> the same shape."""
        return look_up_by_channel(image, _equal_counts)


def _equal_counts(channel: np.ndarray) -> np.ndarray:
    counts = np.bincount(channel.ravel(), minlength=256)
    step = (channel.size - counts[channel.max()]) // 255
    if step == 0:
        return _VALUES
    below = np.concatenate([[0], np.cumsum(counts)[:-1]])
    table = (below + step // 2) // step
    return np.minimum(table, 255)


@dataclass(frozen=True, kw_only=True)
class Solarize(Operation):
    """Inverts the values from `thr` on."""

    magnitude_key: ClassVar[str] = "thr"

    thr: float

    def apply(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """uint8 (H, W, C) -> the same shape."""
        return look_up(image, np.where(self.thr > _VALUES, _VALUES, 255 - _VALUES))


@dataclass(frozen=True, kw_only=True)
class SolarizeAdd(Operation):
    """Adds `magnitude` to the values below `thr`."""

    magnitude_key: ClassVar[str] = "magnitude"

    magnitude: float
    thr: float = 128

    def apply(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """uint8 (H, W, C) -> the same shape."""
        return look_up(image, np.where(self.thr > _VALUES, np.clip(_VALUES + self.magnitude, 0, 255), _VALUES))


@dataclass(frozen=True, kw_only=True)
class Posterize(Operation):
    """Keeps the upper `bits` of each value, rounded up to a whole number; 0: black."""

    magnitude_key: ClassVar[str] = "bits"

    bits: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.bits <= 8:
            raise UserError(f"bits={self.bits!r}: expected 0..8")

    def apply(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """uint8 (H, W, C) -> the same shape."""
        shift = 8 - math.ceil(self.bits)
        return look_up(image, _VALUES >> shift << shift)
