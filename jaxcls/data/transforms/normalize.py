"""Normalisation, the one transform that runs on the device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from jaxcls.errors import UserError

if TYPE_CHECKING:
    import jax


@dataclass(frozen=True)
class Normalize:
    """(image - mean) / std. Declared in the pipeline, executed in the jitted step: images travel as uint8.

    Args:
        mean: one number a channel, on the scale 0..255.
        std: one number a channel, on the scale 0..255.
        to_rgb: False after `LoadImageFromFile` means that the network sees BGR, as in the original, whose images are
            read so. Images of sources that give arrays are never swapped, whatever it says.
        bgr: reverse the channels before normalising; `build_dataset` sets it where `to_rgb` asks for it.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    to_rgb: bool = True
    bgr: bool = False

    def __post_init__(self) -> None:
        if np.ndim(self.mean) != 1 or np.shape(self.mean) != np.shape(self.std) or not np.all(np.asarray(self.std) > 0):
            raise UserError(
                f"mean={self.mean!r}, std={self.std!r}: expected one number a channel in each, std above zero"
            )

    def on_device(self, images: jax.Array) -> jax.Array:
        """uint8 (N, H, W, C), RGB or grey -> float32 (N, H, W, C); pure, works inside `jit`."""
        if images.shape[-1] != len(self.mean):
            raise UserError(f"Normalize has {len(self.mean)} means, the images {images.shape[-1]} channels")
        if self.bgr:
            images = images[..., ::-1]
        scale = 1 / np.asarray(self.std, np.float64)
        return (images.astype(np.float32) - np.asarray(self.mean, np.float32)) * scale.astype(np.float32)
