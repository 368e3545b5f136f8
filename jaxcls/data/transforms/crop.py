"""Crops: central, random, and random with a resize."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from jaxcls.data.transforms.base import ImageTransform, check_choice, check_range, size_pair
from jaxcls.data.transforms.pad import BORDERS, PadVal, pad
from jaxcls.data.transforms.resize import check_interpolation, resize
from jaxcls.errors import UserError

# (top, left, height, width); the last two may be fractions of a pixel, as in the original's EfficientNet style.
Box = tuple[int, int, float, float]


def crop(image: np.ndarray, box: Box) -> np.ndarray:
    """The box's part of the image, cut to whole pixels (one at least) as MMCV's `imcrop` does."""
    top, left, height, width = box
    return image[top : max(int(top + height - 1), top) + 1, left : max(int(left + width - 1), left) + 1]


def central_box(image: np.ndarray, height: float, width: float) -> Box:
    """The box in the image's centre, not larger than the image."""
    top = max(0, round((image.shape[0] - height) / 2))
    left = max(0, round((image.shape[1] - width) / 2))
    return top, left, min(height, image.shape[0] - top), min(width, image.shape[1] - left)


def random_box(image: np.ndarray, height: int, width: int, rng: np.random.Generator) -> Box:
    """A box of that size, uniformly placed; the size fits into the image."""
    return (
        int(rng.integers(0, image.shape[0] - height, endpoint=True)),
        int(rng.integers(0, image.shape[1] - width, endpoint=True)),
        height,
        width,
    )


@dataclass(frozen=True)
class CenterCrop(ImageTransform):
    """Crops the centre; an image smaller than the crop stays as it is.

    Args:
        crop_size: int or (height, width).
        efficientnet_style: crop `crop_size / (crop_size + crop_padding)` of the short side, then resize to `crop_size`
            (an int).
        crop_padding: pixels, for `efficientnet_style`.
        interpolation: of that resize.
        backend: of that resize, cv2 or pillow.
    """

    varies: ClassVar[bool] = False

    crop_size: int | tuple[int, int]
    efficientnet_style: bool = False
    crop_padding: int = 32
    interpolation: str = "bilinear"
    backend: str = "cv2"

    def __post_init__(self) -> None:
        size_pair("crop_size", self.crop_size)
        _check_efficientnet_style("crop_size", self.crop_size, self.efficientnet_style, self.crop_padding)
        check_interpolation(self.interpolation, self.backend)

    def transform(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(H, W, C) -> the centre."""
        height, width = size_pair("crop_size", self.crop_size)
        if not self.efficientnet_style:
            return crop(image, central_box(image, height, width))
        side = height / (height + self.crop_padding) * min(image.shape[:2])
        return resize(crop(image, central_box(image, side, side)), height, width, self.interpolation, self.backend)


@dataclass(frozen=True)
class RandomCrop(ImageTransform):
    """Crops at a random place.

    Args:
        size: int or (height, width).
        padding: pixels added first: int (all sides), (left and right, top and bottom) or (left, top, right, bottom).
        pad_if_needed: pad both sides by what the image lacks.
        pad_val: see `Pad`.
        padding_mode: how `pad_if_needed` pads: constant, edge, reflect or symmetric. As in the original, `padding`
            is always constant.

    Raises:
        UserError: the (padded) image is smaller than the crop.
    """

    size: int | tuple[int, int]
    padding: int | tuple[int, ...] | None = None
    pad_if_needed: bool = False
    pad_val: PadVal = 0
    padding_mode: str = "constant"

    def __post_init__(self) -> None:
        size_pair("size", self.size)
        check_choice("padding_mode", self.padding_mode, BORDERS)
        sides = self.padding if isinstance(self.padding, tuple | list) else (self.padding or 0,)
        if len(sides) not in (1, 2, 4) or min(sides) < 0:
            raise UserError(f"padding={self.padding!r}: expected an int, 2 or 4 ints, from 0")

    def transform(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(H, W, C) -> the crop."""
        height, width = size_pair("size", self.size)
        if self.padding is not None:
            image = pad(image, self.padding, self.pad_val)
        if self.pad_if_needed:
            lack = max(height - image.shape[0], 0), max(width - image.shape[1], 0)
            if any(lack):
                image = pad(image, (lack[1], lack[0]), self.pad_val, self.padding_mode)
        if height > image.shape[0] or width > image.shape[1]:
            raise UserError(
                f"RandomCrop: size {(height, width)} is larger than the image {image.shape[:2]} (height, width); "
                "use pad_if_needed=True, padding or a Resize before"
            )
        return crop(image, random_box(image, height, width, rng))


@dataclass(frozen=True)
class RandomResizedCrop(ImageTransform):
    """Crops a random part of random aspect ratio and resizes it (Szegedy et al., https://arxiv.org/abs/1409.4842).

    Args:
        size: int or (height, width) of the result.
        scale: range of the part's share of the image's area.
        ratio: range of its aspect ratio, width to height.
        max_attempts: tries to find a part that fits, before the central one is taken.
        efficientnet_style: draw the aspect ratio uniformly instead of its logarithm, and a height instead of an area;
            `size` is an int.
        min_covered: least share of the area, for `efficientnet_style`.
        crop_padding: pixels, as in `CenterCrop`, for `efficientnet_style`'s central part.
        interpolation: of the resize.
        backend: of the resize, cv2 or pillow.
    """

    size: int | tuple[int, int]
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    max_attempts: int = 10
    efficientnet_style: bool = False
    min_covered: float = 0.1
    crop_padding: int = 32
    interpolation: str = "bilinear"
    backend: str = "cv2"

    def __post_init__(self) -> None:
        size_pair("size", self.size)
        check_range("scale", self.scale)
        check_range("ratio", self.ratio)
        _check_efficientnet_style("size", self.size, self.efficientnet_style, self.crop_padding)
        check_interpolation(self.interpolation, self.backend)

    def transform(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(H, W, C) -> a random part, resized."""
        height, width = size_pair("size", self.size)
        box = (self._efficientnet_box if self.efficientnet_style else self._box)(image, rng)
        return resize(crop(image, box), height, width, self.interpolation, self.backend)

    def _box(self, image: np.ndarray, rng: np.random.Generator) -> Box:
        height, width = image.shape[:2]
        for _ in range(self.max_attempts):
            area = rng.uniform(*self.scale) * height * width
            aspect = math.exp(rng.uniform(math.log(self.ratio[0]), math.log(self.ratio[1])))
            box_height, box_width = round(math.sqrt(area / aspect)), round(math.sqrt(area * aspect))
            if 0 < box_height <= height and 0 < box_width <= width:
                return random_box(image, box_height, box_width, rng)
        box_height = min(height, round(width / self.ratio[0]))
        box_width = min(width, round(height * self.ratio[1]))
        return (height - box_height) // 2, (width - box_width) // 2, box_height, box_width

    def _efficientnet_box(self, image: np.ndarray, rng: np.random.Generator) -> Box:
        height, width = image.shape[:2]
        least, most = (share * height * width for share in self.scale)
        least = max(least, self.min_covered * height * width)
        for _ in range(self.max_attempts):
            aspect = rng.uniform(*self.ratio)
            low, high = self._heights(height, width, aspect)
            box_height = round(rng.uniform(low, high))
            box_width = round(box_height * aspect)
            if box_height <= height and box_width <= width and least <= box_height * box_width <= most:
                return random_box(image, box_height, box_width, rng)
        side = size_pair("size", self.size)[0]
        side_in_image = side / (side + self.crop_padding) * min(height, width)
        return central_box(image, side_in_image, side_in_image)

    def _heights(self, height: int, width: int, aspect: float) -> tuple[int, int]:
        """Least and largest height of a box of this aspect ratio (kakaobrain/fast-autoaugment, data.py)."""
        low, high = (round(math.sqrt(share * height * width / aspect)) for share in self.scale)
        if high * aspect > width:
            high = int((width + 0.5 - 1e-7) / aspect)
            high -= high * aspect > width
        high = min(high, height)
        return min(low, high), high


def _check_efficientnet_style(name: str, size: object, efficientnet_style: bool, crop_padding: int) -> None:
    if efficientnet_style and not isinstance(size, int):
        raise UserError(f"{name}={size!r}: efficientnet_style needs an int")
    if crop_padding < 0:
        raise UserError(f"crop_padding={crop_padding!r}: expected 0 or more pixels")
