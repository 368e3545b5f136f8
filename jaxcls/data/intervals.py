"""Random intervals of an image's side, on the device, with static shapes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

Interval = tuple[Array, Array]  # from, before


def interval_about(key: Array, side: int, share: Array) -> Interval:
    """`share` of the side about a uniform centre, cut off at 0 and `side`."""
    half = jnp.floor(side * share).astype(jnp.int32) // 2
    centre = jax.random.randint(key, (), 0, side)
    return jnp.clip(centre - half, 0, side), jnp.clip(centre + half, 0, side)


def interval_within(key: Array, side: int, low: float, high: float) -> Interval:
    """`low` to `high` of the side, at a uniform place."""
    key_length, key_start = jax.random.split(key)
    least = int(side * low)
    length = jax.random.randint(key_length, (), least, max(int(side * high), least + 1))
    start = jax.random.randint(key_start, (), 0, jnp.maximum(side - length, 1))
    return start, start + length


def contains(interval: Interval, side: int) -> Array:
    """Bool (side,): whether each position lies in the interval."""
    positions = jnp.arange(side)
    return (positions >= interval[0]) & (positions < interval[1])


def squeeze(images: Array, axis: int, interval: Interval, interpolation: str) -> Array:
    """All of `axis` resized into the interval, as PyTorch's `interpolate(align_corners=False)` does."""
    side, (start, stop) = images.shape[axis], interval
    scale = side / jnp.maximum(stop - start, 1).astype(jnp.float32)
    positions = (jnp.arange(side) - start).astype(jnp.float32)
    if interpolation == "nearest":
        return jnp.take(images, jnp.clip((positions * scale).astype(jnp.int32), 0, side - 1), axis)
    place = jnp.clip((positions + 0.5) * scale - 0.5, 0, side - 1)
    below = jnp.floor(place).astype(jnp.int32)
    weight = jnp.expand_dims((place - jnp.floor(place)).astype(images.dtype), range(1, images.ndim - axis))
    above = jnp.minimum(below + 1, side - 1)
    return jnp.take(images, below, axis) * (1 - weight) + jnp.take(images, above, axis) * weight
