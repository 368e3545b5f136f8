"""Test-time augmentation: the views of an image whose scores are averaged, made on the device."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxcls.builder import construct, plain
from jaxcls.data.pipeline import take_pipelines
from jaxcls.data.transforms import RandomShift
from jaxcls.data.transforms.base import check_choice, size_pair
from jaxcls.errors import UserError

MOVED = {"crops": 5, "padding": 1}  # by a pixel, to the corners
_AXES = {"horizontal": (2,), "vertical": (1,), "both": (1, 2)}  # of (N, H, W, C)
Size = tuple[int, int]


@dataclass(frozen=True)
class View:
    """The image in a size, its edge repeated by `padding`, the part `shape` from `start` (top, left), turned round."""

    size: Size
    padding: int
    start: Size
    shape: Size
    axes: tuple[int, ...]


@dataclass(frozen=True)
class Views:
    """All combinations of scales, crops and flips (config key `data.tta`).

    Attributes:
        flips: `horizontal`, `vertical`, `both`: views beside the one that is not flipped.
        crops: None: the whole image; 1: its centre; 5: the four corners and the centre; 10: those five and their
            mirror images (Krizhevsky et al. 2012).
        scales: factors on the image's sides, before the crops; bilinear, smoothed where the image becomes smaller.
        crop_size: pixels, an int or (height, width); None: the size of the network's images.
        padding: pixels by which the image's edge is repeated on all sides, after scaling and before crops: with crops=5
            the image moves by so many.
        average: `scores`: after softmax or sigmoid; `logits`: before.
        pipeline: transforms for the images that views are made of, e.g. without the last crop; None: the split's.

    Raises:
        UserError: what is none of these.
    """

    flips: tuple[str, ...] = ()
    crops: int | None = None
    scales: tuple[float, ...] = (1.0,)
    crop_size: int | tuple[int, int] | None = None
    padding: int = 0
    average: str = "scores"
    pipeline: tuple[Mapping[str, Any], ...] | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        for flip in self.flips:
            check_choice("flips", flip, _AXES)
        if self.crops not in (None, 1, 5, 10):
            raise UserError(f"crops={self.crops!r}: expected None, 1, 5 or 10")
        if not self.scales or not all(0 < scale <= 16 for scale in self.scales):
            raise UserError(f"scales={self.scales!r}: expected numbers above 0, at most 16")
        if self.crop_size is not None:
            size_pair("crop_size", self.crop_size)
        if self.padding < 0:
            raise UserError(f"padding={self.padding!r}: expected 0 or more pixels")
        if self.crops is None and (self.crop_size is not None or self.padding):
            raise UserError("crop_size and padding need crops: 1, 5 or 10")
        check_choice("average", self.average, ("scores", "logits"))

    def plan(self, image: Size, network: Size) -> tuple[View, ...]:
        """The views of images (height, width) for a network whose own images are (height, width).

        Raises:
            UserError: a crop is larger than the image, or views repeat each other.
        """
        sizes = [(round(image[0] * scale), round(image[1] * scale)) for scale in self.scales]
        flips = self._flips()
        if len(set(sizes)) < len(sizes) or len(set(flips)) < len(flips):
            raise UserError(
                f"data.tta: views of images of {image[0]}x{image[1]} pixels repeat each other: "
                f"sizes {sizes}, flips {self.flips}, crops={self.crops}"
            )
        return tuple(
            View(size, self.padding, start, shape, axes)
            for size in sizes
            for start, shape in self._crops(size, network)
            for axes in flips
        )

    def _crops(self, size: Size, network: Size) -> list[tuple[Size, Size]]:
        """(top, left) and (height, width) of each crop of an image of a size, padding included."""
        if self.crops is None:
            return [((0, 0), size)]
        shape = network if self.crop_size is None else size_pair("crop_size", self.crop_size)
        bottom, right = (side + 2 * self.padding - own for side, own in zip(size, shape, strict=True))
        what = f"data.tta: crops of {shape[0]}x{shape[1]} pixels of images of {size[0]}x{size[1]}"
        if min(bottom, right) < 0 or not min(size):
            raise UserError(f"{what}: the images are too small")
        if self.crops > 1 and bottom == right == 0:
            raise UserError(f"{what} are all the same: give padding, scales above 1, or a pipeline for larger images")
        corners = list(itertools.product((0, bottom), (0, right))) if self.crops > 1 else []
        return [(start, shape) for start in (*corners, (round(bottom / 2), round(right / 2)))]

    def _flips(self) -> list[tuple[int, ...]]:
        """The axes of each flip, of an image and of its mirror image."""
        mirrored = [(), _AXES["horizontal"]] if self.crops == 10 else [()]
        flips = [(), *(_AXES[flip] for flip in self.flips)]
        return [tuple(sorted({*first} ^ {*second})) for first in mirrored for second in flips]


def take(plan: Sequence[View], images: Array) -> list[Array]:
    """Images (N, H, W, C), float32 -> the views of a plan, each (N, H', W', C)."""
    sized = {size: _padded(_resized(images, size), pad) for size, pad in {(view.size, view.padding) for view in plan}}
    return [_part(sized[view.size], view) for view in plan]


def _padded(images: Array, padding: int) -> Array:
    return jnp.pad(images, ((0, 0), (padding,) * 2, (padding,) * 2, (0, 0)), "edge") if padding else images


def _resized(images: Array, size: Size) -> Array:
    if images.shape[1:3] == size:
        return images
    rows, columns = (_interpolation(before, after) for before, after in zip(images.shape[1:3], size, strict=True))
    images = jnp.einsum("nhwc,yh->nywc", images, rows, precision=jax.lax.Precision.HIGHEST)
    return jnp.einsum("nywc,xw->nyxc", images, columns, precision=jax.lax.Precision.HIGHEST)


def _interpolation(before: int, after: int) -> np.ndarray:
    """The weights (after, before) of bilinear interpolation; `jax.image.resize` has its places in float32 only."""
    step = before / after
    distance = (np.arange(after)[:, None] + 0.5) * step - 0.5 - np.arange(before)
    weights = np.maximum(1 - np.abs(distance) / max(step, 1), 0)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def _part(images: Array, view: View) -> Array:
    (top, left), (height, width) = view.start, view.shape
    return jnp.flip(images[:, top : top + height, left : left + width], view.axes)


def views_of(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """A config's `data.tta`; without it, what training does: its flips, else its moves (`RandomCrop`, `RandomShift`).

    Args:
        data: a config's `data`.
    """
    if "tta" in data:
        return data["tta"]
    nodes = [node for pipeline in take_pipelines(plain(data["train"]))[1] for node in pipeline]
    flips = [node.get("direction", "horizontal") for node in nodes if node["type"] == "RandomFlip"]
    if flips:
        return {"flips": tuple(dict.fromkeys(flips))}
    paddings = [node.get("padding") for node in nodes if node["type"] == "RandomCrop"]
    paddings += [node.get("most", RandomShift.most) for node in nodes if node["type"] == "RandomShift"]
    return {**MOVED, "padding": next((one for one in paddings if isinstance(one, int) and one > 0), 1)}


def build_views(config: Mapping[str, Any]) -> Views:
    """`data.tta` -> Views; one word or number may stand for a list of it.

    Raises:
        UserError: an unknown key, or what `Views` refuses.
    """
    given = plain(config)
    if not isinstance(given, dict):
        raise UserError(f"tta: {given!r}; expected a dict of {', '.join(Views.__annotations__)}")
    lists = {key: (given[key],) for key in ("flips", "scales") if _is_one(given.get(key))}
    return construct(Views, {**given, **lists}, "tta")


def _is_one(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)
