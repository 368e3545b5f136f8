"""What the operations of AutoAugment and RandAugment have in common."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from jaxcls.data.transforms.base import ImageTransform, check_probability
from jaxcls.errors import UserError

Color = float | tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Operation(ImageTransform):
    """A transform of a uint8 image that happens with probability `prob`."""

    magnitude_key: ClassVar[str | None] = None  # the argument that RandAugment sets

    prob: float = 0.5

    def __post_init__(self) -> None:
        check_probability("prob", self.prob)

    @abstractmethod
    def apply(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """uint8 (H, W, C) -> the same shape and dtype."""

    def transform(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """uint8 (H, W, C) -> the same shape and dtype."""
        if image.dtype != np.uint8:
            raise UserError(f"{type(self).__name__}: works on uint8 images, got {image.dtype}; remove to_float32")
        return self.apply(image, rng) if rng.random() < self.prob else image


@dataclass(frozen=True, kw_only=True)
class SignedOperation(Operation):
    """An operation whose magnitude is negated with probability `random_negative_prob`."""

    random_negative_prob: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_probability("random_negative_prob", self.random_negative_prob)

    @abstractmethod
    def apply_signed(self, image: np.ndarray, sign: int) -> np.ndarray:
        """uint8 (H, W, C) -> the same shape and dtype; `sign`: 1 or -1, the magnitude's factor."""

    def apply(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """uint8 (H, W, C) -> the same shape and dtype."""
        return self.apply_signed(image, -1 if rng.random() < self.random_negative_prob else 1)


def channel_values(name: str, color: Color, channels: int) -> tuple[float, ...]:
    """`color` with one number a channel: a number stands for all of them.

    Raises:
        UserError: not as many numbers as channels.
    """
    if not isinstance(color, tuple | list):
        return (color,) * channels
    if len(color) != channels:
        raise UserError(f"{name}={color!r}: expected a number or {channels} numbers, one a channel")
    return tuple(color)
