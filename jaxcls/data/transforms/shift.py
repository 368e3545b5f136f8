"""Small moves of the whole image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from jaxcls.data.transforms.base import ImageTransform, OnDevice, check_choice
from jaxcls.data.transforms.crop import crop, random_box
from jaxcls.data.transforms.pad import BORDERS, pad
from jaxcls.errors import UserError

if TYPE_CHECKING:
    import jax


@dataclass(frozen=True)
class RandomShift(ImageTransform, OnDevice):
    """Moves the image by up to `most` pixels along either axis; the border is filled.

    That is He et al.'s crop of a padded image (2016, arXiv:1512.03385, section 4.2), with any padding. With `on_device`
    it happens in the training step.

    Args:
        most: pixels.
        padding_mode: what comes in: reflect (the edge pixel not repeated), symmetric (repeated), edge or constant (0).
    """

    most: int = 4
    padding_mode: str = "reflect"
    on_device: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.most, int) or self.most < 1:
            raise UserError(f"most={self.most!r}: expected a positive int")
        check_choice("padding_mode", self.padding_mode, BORDERS)

    def transform(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(H, W, C) -> the same shape."""
        self._check(image.shape[:2])
        padded = pad(image, self.most, 0, self.padding_mode)
        return crop(padded, random_box(padded, image.shape[0], image.shape[1], rng))

    def augment_images(self, key: jax.Array, images: jax.Array) -> jax.Array:
        """(N, H, W, C) -> the same shape, each image by its own draw."""
        from jaxcls.data import on_device

        self._check(images.shape[1:3])
        return on_device.shift(key, images, self.most, self.padding_mode)

    def _check(self, size: tuple[int, ...]) -> None:
        if self.most >= min(size):
            raise UserError(f"RandomShift: most={self.most} is not less than the image's sides {tuple(size)}")
