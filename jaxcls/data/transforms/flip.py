"""Flips."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from jaxcls.data.transforms.base import ImageTransform, check_choice, check_probability, keep_channels


@dataclass(frozen=True)
class RandomFlip(ImageTransform):
    """Flips the image with probability `flip_prob`, in direction `horizontal` or `vertical`."""

    flip_prob: float = 0.5
    direction: str = "horizontal"

    def __post_init__(self) -> None:
        check_probability("flip_prob", self.flip_prob)
        check_choice("direction", self.direction, ("horizontal", "vertical"))

    def transform(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(H, W, C) -> the same shape."""
        if rng.random() >= self.flip_prob:
            return image
        # A reversed view costs nothing here, but its copy into the batch thirty times as much.
        return keep_channels(cv2.flip(image, 1 if self.direction == "horizontal" else 0))
