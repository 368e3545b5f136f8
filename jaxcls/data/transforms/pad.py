"""Padding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

from jaxcls.data.transforms.base import ImageTransform, check_choice, keep_channels, size_pair
from jaxcls.errors import UserError

BORDERS = {
    "constant": cv2.BORDER_CONSTANT,
    "edge": cv2.BORDER_REPLICATE,
    "reflect": cv2.BORDER_REFLECT_101,
    "symmetric": cv2.BORDER_REFLECT,
}
PadVal = float | tuple[float, ...]


def pad(image: np.ndarray, padding: int | tuple[int, ...], pad_val: PadVal, mode: str = "constant") -> np.ndarray:
    """(H, W, C) -> padded by an int, (left and right, top and bottom) or (left, top, right, bottom) pixels."""
    sides = (padding,) * 4 if isinstance(padding, int) else tuple(padding) * (4 // len(padding))
    left, top, right, bottom = sides
    color = _border_color(pad_val, image.shape[2])
    return keep_channels(cv2.copyMakeBorder(image, top, bottom, left, right, BORDERS[mode], value=color))


def _border_color(pad_val: PadVal, channels: int) -> tuple[float, ...]:
    if isinstance(pad_val, tuple | list):
        if len(pad_val) != channels:
            raise UserError(f"pad_val={pad_val!r}: expected a number or {channels} numbers, one a channel")
        return tuple(pad_val)
    # To OpenCV a number is the colour (number, 0, 0), and the original's images are BGR: it means that much blue.
    return (0,) * (channels - 1) + (pad_val,)


@dataclass(frozen=True)
class Pad(ImageTransform):
    """Pads on the right and at the bottom.

    Args:
        size: int or (height, width) to reach; a longer side stays. Either this or `pad_to_square`.
        pad_to_square: to the longer side.
        pad_val: the colour of constant padding, (R, G, B) or, for grey images, a number. A number for a colour image
            gives, as in the original, (0, 0, number): write all three for a grey border.
        padding_mode: constant, edge, reflect (the edge pixel not repeated) or symmetric (repeated).
    """

    varies: ClassVar[bool] = False

    size: int | tuple[int, int] | None = None
    pad_to_square: bool = False
    pad_val: PadVal = 0
    padding_mode: str = "constant"

    def __post_init__(self) -> None:
        if (self.size is None) != self.pad_to_square:
            raise UserError(f"size={self.size!r}, pad_to_square={self.pad_to_square!r}: expected one of the two")
        if self.size is not None:
            size_pair("size", self.size)
        check_choice("padding_mode", self.padding_mode, BORDERS)

    def transform(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(H, W, C) -> padded."""
        height, width = image.shape[:2]
        target = (max(height, width),) * 2 if self.size is None else size_pair("size", self.size)
        lack = (0, 0, max(target[1] - width, 0), max(target[0] - height, 0))
        return pad(image, lack, self.pad_val, self.padding_mode)
