"""Rectangles that are painted over."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from jaxcls.data.transforms.base import (
    ImageTransform,
    OnDevice,
    check_choice,
    check_probability,
    check_range,
    size_pair,
)
from jaxcls.data.transforms.operation import Color, Operation, channel_values
from jaxcls.errors import UserError

if TYPE_CHECKING:
    import jax


@dataclass(frozen=True)
class RandomErasing(ImageTransform, OnDevice):
    """Paints over a random rectangle (Zhong et al., https://arxiv.org/abs/1708.04896).

    With `on_device` it happens in the training step.

    Args:
        erase_prob: probability.
        min_area_ratio: least share of the image's area.
        max_area_ratio: largest share; what goes beyond the image's sides is cut off.
        aspect_range: of height to width, its logarithm drawn uniformly; a number r stands for (r, 1 / r).
        mode: `const`: filled with `fill_color`; `rand`: with noise, each value by itself.
        fill_color: RGB or a number for all channels; the noise's mean where `fill_std` is given.
        fill_std: the noise's standard deviation, RGB or a number. None: uniform noise, 0..255.
    """

    erase_prob: float = 0.5
    min_area_ratio: float = 0.02
    max_area_ratio: float = 0.4
    aspect_range: float | tuple[float, float] = (3 / 10, 10 / 3)
    mode: str = "const"
    fill_color: Color = 128
    fill_std: Color | None = None
    on_device: bool = False

    def __post_init__(self) -> None:
        check_probability("erase_prob", self.erase_prob)
        if not 0 <= self.min_area_ratio <= self.max_area_ratio <= 1:
            raise UserError(
                f"min_area_ratio={self.min_area_ratio!r}, max_area_ratio={self.max_area_ratio!r}: "
                "expected 0 <= min_area_ratio <= max_area_ratio <= 1"
            )
        check_range("aspect_range", self._aspects)
        check_choice("mode", self.mode, ("const", "rand"))

    @property
    def _aspects(self) -> tuple[float, float]:
        aspects = self.aspect_range
        if isinstance(aspects, tuple | list):
            return tuple(aspects)  # type: ignore[return-value]
        return (min(aspects, 1 / aspects), max(aspects, 1 / aspects)) if aspects > 0 else (aspects, aspects)

    def transform(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """uint8 (H, W, C) -> the same shape."""
        if rng.random() >= self.erase_prob:
            return image
        height, width = image.shape[:2]
        low, high = self._aspects
        aspect = math.exp(rng.uniform(math.log(low), math.log(high)))
        area = rng.uniform(self.min_area_ratio, self.max_area_ratio) * height * width
        box_height = min(round(math.sqrt(area * aspect)), height)
        box_width = min(round(math.sqrt(area / aspect)), width)
        # As in the original, the box does not touch the image's last row and column unless it fills that side.
        top = int(rng.integers(max(height - box_height, 1)))
        left = int(rng.integers(max(width - box_width, 1)))
        erased = image.copy()
        erased[top : top + box_height, left : left + box_width] = self._fill(
            (box_height, box_width, image.shape[2]), rng
        )
        return erased

    def _fill(self, shape: tuple[int, int, int], rng: np.random.Generator) -> np.ndarray:
        color = np.asarray(channel_values("fill_color", self.fill_color, shape[2]))
        if self.mode == "const":
            return color.astype(np.uint8)
        if self.fill_std is None:
            return rng.integers(0, 256, shape, np.uint8)
        noise = rng.normal(color, channel_values("fill_std", self.fill_std, shape[2]), shape)
        return np.clip(noise, 0, 255).astype(np.uint8)

    def augment_images(self, key: jax.Array, images: jax.Array) -> jax.Array:
        """uint8 (N, H, W, C) -> the same shape, each image by its own draw."""
        from jaxcls.data import on_device

        color = np.asarray(channel_values("fill_color", self.fill_color, images.shape[3]))
        if self.mode == "const":
            fill = on_device.constant(color)
        elif self.fill_std is None:
            fill = on_device.uniform_noise
        else:
            fill = on_device.normal_noise(color, np.asarray(channel_values("fill_std", self.fill_std, images.shape[3])))
        areas = (self.min_area_ratio, self.max_area_ratio)
        return on_device.erase(key, images, self.erase_prob, areas, self._aspects, fill)


@dataclass(frozen=True, kw_only=True)
class Cutout(Operation):
    """Paints over a rectangle of `shape` (an int or (height, width)) about a random centre (DeVries and Taylor,
    https://arxiv.org/abs/1708.04552) with the colour `pad_val`, RGB or a number for all channels.
    """

    magnitude_key: ClassVar[str] = "shape"

    shape: float | tuple[int, int]
    pad_val: Color = 128

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.shape, tuple | list) or self.shape < 0:
            size_pair("shape", self.shape)

    def apply(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """uint8 (H, W, C) -> the same shape."""
        height, width, channels = image.shape
        shape = self.shape
        cut_height, cut_width = shape if isinstance(shape, tuple | list) else (int(shape), int(shape))
        top = max(int(rng.uniform(0, height) - cut_height / 2), 0)
        left = max(int(rng.uniform(0, width) - cut_width / 2), 0)
        cut = image.copy()
        cut[top : top + cut_height, left : left + cut_width] = channel_values("pad_val", self.pad_val, channels)
        return cut
