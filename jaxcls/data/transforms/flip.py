"""Flips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from jaxcls.data.transforms.base import ImageTransform, OnDevice, check_choice, check_probability, keep_channels

if TYPE_CHECKING:
    import jax


@dataclass(frozen=True)
class RandomFlip(ImageTransform, OnDevice):
    """Flips the image with probability `flip_prob`, in direction `horizontal` or `vertical`.

    With `on_device` it happens in the training step.
    """

    flip_prob: float = 0.5
    direction: str = "horizontal"
    on_device: bool = False

    def __post_init__(self) -> None:
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

        return on_device.flip(key, images, 2 if self.direction == "horizontal" else 1, self.flip_prob)
