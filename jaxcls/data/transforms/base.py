"""What a transform is, and the checks of arguments that several of them share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from PIL import Image

from jaxcls.errors import UserError

if TYPE_CHECKING:  # processes that make batches need no JAX, which takes long to import
    import jax

Sample = dict[str, Any]


class ImageTransform(ABC):
    """A transform of a sample's image alone.

    Called as `transform(sample, rng)`; returns a new dict and modifies neither the given one nor its array (which the
    new image may be a view of).

    Attributes:
        varies: whether it may give something else each time; False: an image may be kept as it comes out.
    """

    varies: ClassVar[bool] = True

    @abstractmethod
    def transform(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(H, W, C) -> (H', W', C), RGB or grey, the same dtype."""

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """The sample with its image transformed; all randomness comes from `rng`."""
        return {**sample, "image": self.transform(sample["image"], rng)}


class OnDevice(ABC):
    """A random transform that can run in the training step, on images that are still uint8.

    Attributes:
        on_device: whether it does; else it is one of the host's.
    """

    on_device: bool

    @abstractmethod
    def augment_images(self, key: jax.Array, images: jax.Array) -> jax.Array:
        """uint8 (N, H, W, C), RGB or grey -> the same shape; pure, works inside `jit`."""

    @property
    def in_turn(self) -> bool:
        """Whether it looks at which images these are, and when, and so needs `augment_in_turn`."""
        return False

    def augment_in_turn(self, key: jax.Array, images: jax.Array, index: jax.Array, epoch: jax.Array) -> jax.Array:
        """As `augment_images`, told the images' places in the dataset and the epochs, from 0, int32 (N,) each."""
        return self.augment_images(key, images)


def size_pair(name: str, size: Any) -> tuple[int, int]:
    """`size` as (height, width): a positive int stands for a square."""
    pair = (size, size) if isinstance(size, int) else size
    if not (isinstance(pair, tuple | list) and len(pair) == 2 and all(isinstance(n, int) and n > 0 for n in pair)):
        raise UserError(f"{name}={size!r}: expected a positive int or (height, width)")
    return pair[0], pair[1]


def check_choice(name: str, value: Any, allowed: Iterable[str]) -> None:
    """Raises UserError unless `value` is one of `allowed`."""
    if value not in (allowed := list(allowed)):
        raise UserError(f"{name}={value!r}: expected one of {', '.join(allowed)}")


def check_range(name: str, value: Any) -> None:
    """Raises UserError unless `value` is (low, high) with 0 < low <= high."""
    if not (isinstance(value, tuple | list) and len(value) == 2 and 0 < value[0] <= value[1]):
        raise UserError(f"{name}={value!r}: expected (low, high) with 0 < low <= high")


def check_probability(name: str, value: Any) -> None:
    """Raises UserError unless `value` is between 0 and 1."""
    if not 0 <= value <= 1:
        raise UserError(f"{name}={value!r}: expected a probability, 0..1")


def with_pillow(image: np.ndarray, change: Callable[[Image.Image], Image.Image]) -> np.ndarray:
    """uint8 (H, W, C) -> the image that `change` makes of it, (H', W', C), by way of Pillow's.

    Raises:
        UserError: the image is not uint8.
    """
    if image.dtype != np.uint8:
        raise UserError(f"backend='pillow' works on uint8 images, got {image.dtype}; remove to_float32")
    pixels = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    return keep_channels(np.asarray(change(pixels)))


def keep_channels(image: np.ndarray) -> np.ndarray:
    """(H, W) -> (H, W, 1): OpenCV and Pillow drop the channel axis of grey images."""
    return image if image.ndim == 3 else image[..., None]
