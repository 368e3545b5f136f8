"""Flips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaxcls.data.transforms.base import ImageTransform, check_choice, check_probability


@dataclass(frozen=True)
class RandomFlip(ImageTransform):
    """Flips the image with probability `flip_prob`, in direction `horizontal` or `vertical`."""

    flip_prob: float = 0.5
    direction: str = "horizontal"

    def __post_init__(self) -> None:
        check_probability("flip_prob", self.flip_prob)
        check_choice("direction", self.direction, ("horizontal", "vertical"))

    def transform(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(H, W, C) -> the same shape, a view."""
        if rng.random() >= self.flip_prob:
            return image
        return image[:, ::-1] if self.direction == "horizontal" else image[::-1]
