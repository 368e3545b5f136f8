"""What the training step does to images that are still uint8. Processes that make batches do not load this, nor JAX."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array


def flip(key: Array, images: Array, axis: int, prob: float) -> Array:
    """(N, H, W, C) -> the same shape, each image turned round along the axis with the probability."""
    chosen = jax.random.bernoulli(key, prob, (len(images), 1, 1, 1))
    return jnp.where(chosen, jnp.flip(images, axis), images)


def flip_in_turn(images: Array, index: Array, epoch: Array, axis: int, prob: float) -> Array:
    """(N, H, W, C) -> the same shape, each image turned round along the axis in every other epoch.

    Args:
        images: the batch.
        index: (N,), the images' places in the dataset.
        epoch: (N,), from 0.
        axis: 1 or 2.
        prob: of being turned round in the first epoch, which `index` alone decides.
    """
    keys = jax.vmap(partial(jax.random.fold_in, jax.random.key(0)))(index)
    first = jax.vmap(lambda key: jax.random.bernoulli(key, prob))(keys)
    chosen = first ^ (epoch % 2 == 1)
    return jnp.where(chosen[:, None, None, None], jnp.flip(images, axis), images)


def shift(key: Array, images: Array, most: int, mode: str) -> Array:
    """(N, H, W, C) -> the same shape, each image moved by up to `most` pixels along either axis.

    Args:
        key: of all randomness.
        images: the batch.
        most: pixels.
        mode: of `jnp.pad`.
    """
    padded = jnp.pad(images, ((0, 0), (most, most), (most, most), (0, 0)), mode)
    corners = jax.random.randint(key, (len(images), 2), 0, 2 * most + 1)
    return jax.vmap(lambda image, corner: jax.lax.dynamic_slice(image, (*corner, 0), images.shape[1:]))(padded, corners)


def erase(
    key: Array,
    images: Array,
    prob: float,
    areas: tuple[float, float],
    aspects: tuple[float, float],
    fill: Callable[[Array, tuple[int, ...]], Array],
) -> Array:
    """uint8 (N, H, W, C) -> the same shape, each with a rectangle of its own painted over, with the probability.

    Args:
        key: of all randomness.
        images: the batch.
        prob: of each image.
        areas: the rectangle's least and largest share of the area.
        aspects: its least and largest ratio of height to width.
        fill: (key, (H, W, C)) -> what is painted.
    """
    (height, width), keys = images.shape[1:3], jax.random.split(key, (len(images), 2))
    masks = jax.vmap(lambda key: _rectangle(key, height, width, prob, areas, aspects))(keys[:, 0])
    fills = jax.vmap(lambda key: fill(key, images.shape[1:]))(keys[:, 1])
    return jnp.where(masks[..., None], fills, images)


def _rectangle(
    key: Array, height: int, width: int, prob: float, areas: tuple[float, float], aspects: tuple[float, float]
) -> Array:
    """Bool (H, W): what is painted over."""
    keys = jax.random.split(key, 5)
    aspect = jnp.exp(jax.random.uniform(keys[0], (), minval=math.log(aspects[0]), maxval=math.log(aspects[1])))
    area = jax.random.uniform(keys[1], (), minval=areas[0], maxval=areas[1]) * height * width
    chosen = jax.random.bernoulli(keys[4], prob)

    def side(key: Array, length: Array, whole: int) -> Array:
        box = jnp.minimum(jnp.round(length).astype(jnp.int32), whole)
        first = jax.random.randint(key, (), 0, jnp.maximum(whole - box, 1))
        place = jnp.arange(whole)
        return (place >= first) & (place < first + box)

    rows, columns = side(keys[2], jnp.sqrt(area * aspect), height), side(keys[3], jnp.sqrt(area / aspect), width)
    return rows[:, None] & columns & chosen


def constant(color: np.ndarray) -> Callable[[Array, tuple[int, ...]], Array]:
    """For `erase`: the colour (C,)."""
    return lambda key, shape: jnp.broadcast_to(jnp.asarray(color, jnp.float32), shape).astype(jnp.uint8)


def uniform_noise(key: Array, shape: tuple[int, ...]) -> Array:
    """For `erase`: 0..255."""
    return jax.random.bits(key, shape, jnp.uint8)


def normal_noise(mean: np.ndarray, std: np.ndarray) -> Callable[[Array, tuple[int, ...]], Array]:
    """For `erase`: about `mean` (C,), cut off at 0 and 255."""

    def fill(key: Array, shape: tuple[int, ...]) -> Array:
        noise = jnp.asarray(mean, jnp.float32) + jnp.asarray(std, jnp.float32) * jax.random.normal(key, shape)
        return jnp.clip(noise, 0, 255).astype(jnp.uint8)

    return fill
