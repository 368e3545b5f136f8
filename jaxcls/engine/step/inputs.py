"""What a device makes of its share of a batch before the network sees it in training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array


def to_float(images: Array) -> Array:
    """uint8 pixels as they are, in float32; float32 stays."""
    return images.astype(jnp.float32)


def are_finite(images: Array) -> Array:
    """(N,) of images (N, H, W, C): whether each is made of numbers alone.

    On a CPU, XLA may take max(NaN, 0) for 0, and a network give a loss and scores to images that have none.
    """
    return jnp.all(jnp.isfinite(images), tuple(range(1, images.ndim)))


@dataclass(frozen=True)
class Inputs:
    """From a batch to the network's inputs, in this order.

    Attributes:
        augment_images: (key, batch) -> its images as they travel, each changed at random; None: they stay.
        preprocess: images as they travel -> (N, H, W, C) as the network sees them.
        mix_batch: (key, images, labels) -> images and soft labels (N, K), several images in each; None: they stay.
    """

    augment_images: Callable[[Array, Mapping[str, Any]], Array] | None = None
    preprocess: Callable[[Array], Array] = to_float
    mix_batch: Callable[[Array, Array, Array], tuple[Array, Array]] | None = None

    def __call__(self, batch: Mapping[str, Any], key: Array) -> tuple[Array, Array, Array]:
        """Images (n, H, W, C), labels (n,) or (n, K), and the key of dropout."""
        key, dropout_key = jax.random.split(key)
        images, labels = batch["image"], batch["label"]
        if self.augment_images is not None:
            key, images_key = jax.random.split(key)
            images = self.augment_images(images_key, batch)
        images = self.preprocess(images)
        if self.mix_batch is not None:
            images, labels = self.mix_batch(key, images, labels)
        return images, labels, dropout_key
