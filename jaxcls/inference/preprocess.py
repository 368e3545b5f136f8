"""An image as a user has it -> what a network sees, by the pipeline that evaluated the network."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import jax
import numpy as np
from PIL import Image, ImageOps

from jaxcls.data.dataset import Transform
from jaxcls.data.decode import decode_image
from jaxcls.data.pipeline import build_pipeline
from jaxcls.data.transforms import LoadImageFromFile, Resize
from jaxcls.data.transforms.base import Sample
from jaxcls.errors import UserError
from jaxcls.paths import expand

Given = str | os.PathLike | bytes | np.ndarray | Image.Image


class Preprocess:
    """Called with one image, gives float32 (H, W, C), normalised, of the network's size.

    An image is a path, a file's content as bytes, uint8 (H, W, 3) in RGB order, uint8 (H, W) or (H, W, 1), or Pillow's.
    Grey becomes colour, and colour grey, where the network takes the other.

    Attributes:
        transforms: those of the host: `{"image": given}` -> `{"image": uint8 (H, W, C)}`.
        normalize: the device's, or None.

    Args:
        pipeline: configs of the transforms of evaluation.
        image_shape: (H, W, C) as the network sees images.
        fit: bring what the pipeline leaves in another size to the network's.
    """

    def __init__(self, pipeline: Sequence[Mapping[str, Any]], image_shape: Sequence[int], fit: bool = True) -> None:
        host, _, self.normalize = build_pipeline(pipeline)
        color_type = "grayscale" if image_shape[2] == 1 else "color"
        if not any(isinstance(step, LoadImageFromFile) for step in host):
            host = (LoadImageFromFile(color_type=color_type), *host)
        steps: list[Transform] = [ReadImage(step) if isinstance(step, LoadImageFromFile) else step for step in host]
        self.transforms: tuple[Transform, ...] = (*steps, Fit(tuple(image_shape))) if fit else tuple(steps)

    @functools.cached_property
    def black(self) -> np.ndarray:
        """What the host's transforms make of a large black image (H, W, C)."""
        return self.on_host({"image": np.zeros((1024, 1024, 3), np.uint8)})["image"]

    def on_host(self, sample: Sample, rng: np.random.Generator | None = None) -> Sample:
        """The sample with its image as it travels to the device."""
        rng = rng or np.random.default_rng(0)
        for transform in self.transforms:
            sample = transform(sample, rng)
        return sample

    def on_device(self, images: jax.Array) -> jax.Array:
        """Images (N, H, W, C) as they travel -> float32, normalised."""
        return images.astype(np.float32) if self.normalize is None else self.normalize.on_device(images)

    def __call__(self, image: Given) -> jax.Array:
        """The image as the network sees it.

        Raises:
            UserError: it is none, or cannot be read.
        """
        return self.on_device(jax.numpy.asarray(self.on_host({"image": image})["image"])[None])[0]


@dataclass(frozen=True)
class Tolerant:
    """The host's transforms; an image that cannot be read is noted, and black.

    Attributes:
        preprocess: whose transforms.
        errors: the sample's `index` -> what is wrong with its image.
    """

    preprocess: Preprocess
    errors: dict[int, str]

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """The sample with its image as it travels."""
        try:
            return self.preprocess.on_host(sample, rng)
        except UserError as error:
            self.errors[sample["index"]] = str(error)
            return {**sample, "image": self.preprocess.black}


@dataclass(frozen=True)
class ReadImage:
    """Reads what `LoadImageFromFile` does, from files and from what else an image can be."""

    load: LoadImageFromFile

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """The sample with its `image` as an array."""
        image = sample["image"]
        if isinstance(image, str | os.PathLike):
            return self.load(sample if "filename" in sample else {**sample, "filename": str(expand(image))}, rng)
        pixels = self._read(image)
        return {**sample, "image": pixels.astype(np.float32) if self.load.to_float32 else pixels}

    def _read(self, image: Any) -> np.ndarray:
        color_type = self.load.color_type
        if isinstance(image, bytes):
            return decode_image(image, "an image given as bytes", color_type, self.load.min_side)
        if isinstance(image, Image.Image):
            if image.mode[0] in "IF":
                raise UserError(f"an image of Pillow's mode {image.mode!r}; expected 8 bits a channel: L, RGB, ...")
            upright = image if color_type.endswith("ignore_orientation") else ImageOps.exif_transpose(image)
            image = np.asarray(upright.convert("L" if upright.mode in ("1", "L", "LA") else "RGB"))
        if not isinstance(image, np.ndarray):
            raise UserError(
                f"an image of type {type(image).__name__}; expected a path, bytes, a NumPy array or one of Pillow's"
            )
        return _with_channels(image, 1 if color_type.startswith("grayscale") else 3)


def _with_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """uint8 (H, W), (H, W, 1) or (H, W, 3) -> (H, W, channels)."""
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or (*image.shape, 1)[2] not in (1, 3) or not image.size:
        raise UserError(f"an array {image.dtype} {image.shape}; expected uint8 (H, W, 3) in RGB order, or (H, W, 1)")
    image = image.reshape(*image.shape[:2], -1)
    if image.shape[2] == channels:
        return image
    return np.repeat(image, 3, 2) if channels == 3 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]


@dataclass(frozen=True)
class Fit:
    """Resizes what the pipeline leaves in another size than the network's.

    A pipeline need not resize, where all images of its dataset have one size.
    """

    image_shape: tuple[int, ...]

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """The sample with its image (H, W, C)."""
        shape, (height, width, channels) = sample["image"].shape, self.image_shape
        if shape[2] != channels:
            raise UserError(f"an image of {shape[2]} channels after the pipeline; the network takes {channels}")
        return sample if shape == self.image_shape else Resize((height, width), interpolation="area")(sample, rng)
