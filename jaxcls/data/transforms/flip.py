"""Flips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from jaxcls.data.transforms.base import ImageTransform, OnDevice, check_choice, check_probability, keep_channels
from jaxcls.errors import UserError

if TYPE_CHECKING:
    import jax


@dataclass(frozen=True)
class RandomFlip(ImageTransform, OnDevice):
    """Flips the image with probability `flip_prob`, in direction `horizontal` or `vertical`.

    With `on_device` it happens in the training step. With `alternate`, too, the probability is that of the first epoch,
    and then an image is seen either way in turn (https://github.com/KellerJordan/cifar10-airbench).
    """

    flip_prob: float = 0.5
    direction: str = "horizontal"
    on_device: bool = False
    alternate: bool = False

    def __post_init__(self) -> None:
        if self.alternate and not self.on_device:
            raise UserError("alternate=True needs on_device=True")
        check_probability("flip_prob", self.flip_prob)
        check_choice("direction", self.direction, ("horizontal", "vertical"))

    def transform(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(H, W, C) -> the same shape."""
        if rng.random() >= self.flip_prob:
            return image
        # A reversed view costs nothing here, but its copy into the batch thirty times as much.
        return keep_channels(cv2.flip(image, 1 if self.direction == "horizontal" else 0))

    def augment_images(self, key: jax.Array, images: jax.Array) -> jax.Array:
        """(N, H, W, C) -> the same shape, each image by its own draw."""
        from jaxcls.data import on_device

        return on_device.flip(key, images, self._axis, self.flip_prob)

    @property
    def in_turn(self) -> bool:
        """With `alternate`."""
        return self.alternate

    def augment_in_turn(self, key: jax.Array, images: jax.Array, index: jax.Array, epoch: jax.Array) -> jax.Array:
        """(N, H, W, C) -> the same shape."""
        from jaxcls.data import on_device

        return on_device.flip_in_turn(images, index, epoch, self._axis, self.flip_prob)

    @property
    def _axis(self) -> int:
        return 2 if self.direction == "horizontal" else 1
