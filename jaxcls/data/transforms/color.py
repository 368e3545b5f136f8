"""Random changes of colour."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from jaxcls.data.transforms.base import ImageTransform, check_probability
from jaxcls.data.transforms.enhance import Brightness, ColorTransform, Contrast
from jaxcls.errors import UserError


@dataclass(frozen=True)
class RandomGrayscale(ImageTransform):
    """Makes the image grey with probability `gray_prob`; the number of channels stays.

    The grey is 0.114 R + 0.587 G + 0.299 B, as in the original, which takes its BGR images for RGB ones.
    """

    gray_prob: float = 0.1

    def __post_init__(self) -> None:
        check_probability("gray_prob", self.gray_prob)

    def transform(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(H, W, C) -> the same shape."""
        if image.shape[2] == 1 or rng.random() >= self.gray_prob:
            return image
        gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        return np.repeat(gray[..., None], image.shape[2], axis=2)


@dataclass(frozen=True)
class ColorJitter(ImageTransform):
    """Changes brightness, contrast and saturation, in random order, each by up to the given magnitude either way."""

    brightness: float
    contrast: float
    saturation: float

    def __post_init__(self) -> None:
        for name in ("brightness", "contrast", "saturation"):
            if not 0 <= (value := getattr(self, name)) < math.inf:
                raise UserError(f"{name}={value!r}: expected 0 or more")

    def transform(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """uint8 (H, W, C) -> the same shape."""
        kinds = (Brightness, self.brightness), (Contrast, self.contrast), (ColorTransform, self.saturation)
        for place in rng.permutation(3):
            kind, limit = kinds[place]
            image = kind(magnitude=rng.uniform(0, limit), prob=1.0).transform(image, rng)
        return image


@dataclass(frozen=True)
class Lighting(ImageTransform):
    """Adds one random colour, drawn along the principal components of the images' colours (Krizhevsky et al., 2012,
    "ImageNet Classification with Deep Convolutional Neural Networks").

    uint8 images stay uint8, rounded and cut to 0..255; with `LoadImageFromFile(to_float32=True)` nothing is, as in
    the original.

    Args:
        eigval: the components' eigenvalues, (K,).
        eigvec: (3, K), the rows R, G, B.
        alphastd: standard deviation of the components' factors.
        to_rgb: of no effect on the images, which are RGB. As in the original it counts as one exchange of red and
            blue, as `Normalize`'s does: a pipeline with both true feeds the network BGR.
    """

    eigval: tuple[float, ...]
    eigvec: tuple[tuple[float, ...], ...]
    alphastd: float = 0.1
    to_rgb: bool = True

    def __post_init__(self) -> None:
        shape = np.shape(self.eigvec)
        if np.ndim(self.eigval) != 1 or shape != (3, len(self.eigval)):
            raise UserError(f"eigval={self.eigval!r}, eigvec={self.eigvec!r}: expected shapes (K,) and (3, K)")

    def transform(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(H, W, 3) -> the same shape and dtype."""
        if image.shape[2] != 3:
            raise UserError(f"Lighting: works on colour images, got {image.shape[2]} channels")
        factors = rng.normal(0, self.alphastd, len(self.eigval)) * self.eigval
        lit = image + (np.asarray(self.eigvec) @ factors).astype(np.float32)
        return np.clip(np.rint(lit), 0, 255).astype(np.uint8) if image.dtype == np.uint8 else lit
