"""Mixtures of a batch's images and labels, on the device: pure functions of a key, for use inside the jitted step."""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxcls.builder import build, plain
from jaxcls.data.intervals import Interval, contains, interval_about, interval_within, squeeze
from jaxcls.errors import UserError

__all__ = ["BatchCutMix", "BatchMixup", "BatchResizeMix", "Identity"]  # what `type` may name

Augment = Callable[[Array, Array, Array], tuple[Array, Array]]


@dataclass(frozen=True, kw_only=True)
class BatchAugment(ABC):
    """Called as `augment(key, images (N, H, W, C), soft labels (N, K))`, returns the same shapes.

    Args:
        prob: how often, of all batches.
        num_classes: K; `build_batch_augments` gives it.
    """

    prob: float = 1.0
    num_classes: int

    def __post_init__(self) -> None:
        if not 0 <= self.prob <= 1:
            raise UserError(f"prob={self.prob!r}: expected a probability, 0..1")

    @abstractmethod
    def __call__(self, key: Array, images: Array, labels: Array) -> tuple[Array, Array]: ...


@dataclass(frozen=True, kw_only=True)
class Identity(BatchAugment):
    """Leaves the batch as it is."""

    def __call__(self, key: Array, images: Array, labels: Array) -> tuple[Array, Array]:
        """The same images and labels."""
        return images, labels


@dataclass(frozen=True, kw_only=True)
class Mix(BatchAugment):
    """Joins each image with another one of the batch, a share lam ~ Beta(alpha, alpha) of its own.

    lam and the permutation are drawn once a batch.
    """

    alpha: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.alpha > 0:
            raise UserError(f"alpha={self.alpha!r}: expected a number above 0")

    @abstractmethod
    def mix(self, key: Array, images: Array, others: Array, lam: Array) -> tuple[Array, Array]:
        """Images and others, (N, H, W, C) -> mixed images, and the share of `images` in them."""

    def __call__(self, key: Array, images: Array, labels: Array) -> tuple[Array, Array]:
        """The mixed images and labels."""
        key_lam, key_order, key_mix = jax.random.split(key, 3)
        order = jax.random.permutation(key_order, images.shape[0])
        lam = jax.random.beta(key_lam, self.alpha, self.alpha)
        images, lam = self.mix(key_mix, images, images[order], lam)
        return images, lam * labels + (1 - lam) * labels[order]


@dataclass(frozen=True, kw_only=True)
class BatchMixup(Mix):
    """lam * image + (1 - lam) * another (Zhang et al., https://arxiv.org/abs/1710.09412).

    Args:
        alpha: above 0.
    """

    def mix(self, key: Array, images: Array, others: Array, lam: Array) -> tuple[Array, Array]:
        """Weighted sums."""
        weight = lam.astype(images.dtype)
        return weight * images + (1 - weight) * others, lam


@dataclass(frozen=True, kw_only=True)
class BoxMix(Mix):
    """One box of 1 - lam of the area comes from another image, the same box for all images of a batch.

    Its centre is uniform; what goes beyond the image's sides is cut off.

    Args:
        alpha: above 0.
        cutmix_minmax: (least, largest) side as a share of the image's; then the sides are drawn uniformly and lie
            within the image, and alpha is ignored.
        correct_lam: the labels' weights are the pixels' true shares, instead of the ones drawn.
    """

    cutmix_minmax: tuple[float, float] | None = None
    correct_lam: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        minmax = self.cutmix_minmax
        if minmax is not None and not (len(minmax) == 2 and 0 <= minmax[0] < minmax[1] <= 1):
            raise UserError(f"cutmix_minmax={minmax!r}: expected (least, largest) with 0 <= least < largest <= 1")

    @abstractmethod
    def limit(self, lam: Array) -> Array:
        """The lam drawn, 0..1 -> the lam used."""

    @abstractmethod
    def patch(self, others: Array, rows: Interval, columns: Interval) -> Array:
        """(N, H, W, C) -> the same shape, of which the box is taken."""

    def mix(self, key: Array, images: Array, others: Array, lam: Array) -> tuple[Array, Array]:
        """Images with the box from the others' patch."""
        lam = self.limit(lam)
        height, width = images.shape[1:3]
        rows, columns = self.box(key, height, width, lam)
        others = self.patch(others, rows, columns)
        inside = contains(rows, height)[:, None] & contains(columns, width)
        if self.correct_lam or self.cutmix_minmax is not None:
            lam = 1 - inside.mean(dtype=jnp.float32)
        return jnp.where(inside[..., None], others, images), lam

    def box(self, key: Array, height: int, width: int, lam: Array) -> tuple[Interval, Interval]:
        """Its rows and columns."""
        key_rows, key_columns = jax.random.split(key)
        if self.cutmix_minmax is not None:
            low, high = self.cutmix_minmax
            return interval_within(key_rows, height, low, high), interval_within(key_columns, width, low, high)
        share = jnp.sqrt(1 - lam)
        return interval_about(key_rows, height, share), interval_about(key_columns, width, share)


@dataclass(frozen=True, kw_only=True)
class BatchCutMix(BoxMix):
    """The box holds the same part of another image (Yun et al., https://arxiv.org/abs/1905.04899).

    Arguments: see `BoxMix`.
    """

    def limit(self, lam: Array) -> Array:
        """As drawn."""
        return lam

    def patch(self, others: Array, rows: Interval, columns: Interval) -> Array:
        """As they are."""
        return others


@dataclass(frozen=True, kw_only=True)
class BatchResizeMix(BoxMix):
    """The box holds all of another image, made smaller (Qin et al., https://arxiv.org/abs/2012.11101).

    Further arguments: see `BoxMix`.

    Args:
        lam_min: the drawn lam is mapped from 0..1 to lam_min..lam_max.
        lam_max: see lam_min.
        interpolation: bilinear or nearest.
    """

    lam_min: float = 0.1
    lam_max: float = 0.8
    interpolation: str = "bilinear"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.lam_min <= self.lam_max <= 1:
            raise UserError(
                f"lam_min={self.lam_min!r}, lam_max={self.lam_max!r}: expected 0 <= lam_min <= lam_max <= 1"
            )
        if self.interpolation not in ("bilinear", "nearest"):
            raise UserError(f"interpolation={self.interpolation!r}: expected bilinear or nearest")

    def limit(self, lam: Array) -> Array:
        """Within lam_min..lam_max."""
        return lam * (self.lam_max - self.lam_min) + self.lam_min

    def patch(self, others: Array, rows: Interval, columns: Interval) -> Array:
        """Resized into the box; outside it is of no meaning."""
        return squeeze(squeeze(others, 1, rows, self.interpolation), 2, columns, self.interpolation)


def soft_labels(labels: Array, num_classes: int) -> Array:
    """Labels (N,), or (N, K) of 1, 0 and -1 (there, but difficult), as shares of the classes, float32 (N, K)."""
    return jax.nn.one_hot(labels, num_classes) if labels.ndim == 1 else jnp.abs(labels).astype(jnp.float32)


def build_batch_augments(
    config: Mapping[str, Any] | Sequence[Mapping[str, Any]], num_classes: int, where: str = "model.train_cfg.augments"
) -> Augment:
    """The augmentation that `train_cfg.augments` describes: one of the given ones for each batch, or none.

    Args:
        config: one config or several, with `type` and `prob`; what the probabilities leave of 1 goes to `Identity`.
        num_classes: K.
        where: the place in the config, for messages.

    Returns:
        `augment(key, images, labels) -> (images, soft labels)`, pure and of static shapes. Images: float (N, H, W, C);
        labels: int (N,) or (N, K); soft labels: float32 (N, K).

    Raises:
        UserError: an argument is wrong, the probabilities sum to more than 1, or `num_classes` is another one.
    """
    configs = plain([config] if isinstance(config, Mapping) else config)
    augments = [_build(node, num_classes, f"{where}[{i}]") for i, node in enumerate(configs)]
    total = math.fsum(augment.prob for augment in augments)
    if total > 1 + 1e-6:
        raise UserError(f"{where}: the probabilities sum to {total:g}; expected at most 1")
    if total < 1 - 1e-6:
        augments.append(Identity(prob=1 - total, num_classes=num_classes))
    probabilities = jnp.array([augment.prob for augment in augments])

    def augment(key: Array, images: Array, labels: Array) -> tuple[Array, Array]:
        key_choice, key_augment = jax.random.split(key)
        index = jax.random.choice(key_choice, len(augments), p=probabilities)
        return jax.lax.switch(index, augments, key_augment, images, soft_labels(labels, num_classes))

    return augment


def _build(config: Mapping[str, Any], num_classes: int, where: str) -> BatchAugment:
    if isinstance(config, Mapping) and config.get("num_classes", num_classes) != num_classes:
        raise UserError(f"{where}: num_classes={config['num_classes']!r}, but the head has {num_classes} classes")
    return build(config, sys.modules[__name__], where, num_classes=num_classes)
