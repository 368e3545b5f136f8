"""The network of airbench94 (Jordan 2024, arXiv:2404.00498; https://github.com/KellerJordan/cifar10-airbench)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from jaxcls.models.backbones.base import Backbone
from jaxcls.models.backbones.layout import Layout
from jaxcls.models.layers import GELU, BatchNorm, Conv, build_activation, max_pool
from jaxcls.models.layers.initializers import identity_first

_EPS = 5e-4  # added to a direction's variance


class ConvGroup(nn.Module):
    """Two convolutions, pooled between: (N, H, W, C) -> (N, H / 2, W / 2, channels)."""

    channels: int

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        for number in (1, 2):
            conv = Conv(self.channels, 3, padding=1, use_bias=False, kernel_init=identity_first, name=f"conv{number}")
            x = conv(x) if number == 2 else max_pool(conv(x), 2, 2)
            x = build_activation(GELU)(BatchNorm(eps=1e-12, momentum=0.4, name=f"norm{number}")(x, train))
        return x


class Airbench(Backbone):
    """Images (N, 32, 32, C) -> ((N, 1, 1, widths[-1]),).

    The first convolution whitens 2x2 pixels: it is computed from training images (`fit`) and stays as it is, but for
    its bias. Norms have no scale to train.

    Attributes:
        widths: channels of the groups.
        in_channels: C.
    """

    widths: tuple[int, ...] = (64, 256, 256)
    in_channels: int = 3
    init_cfg: Any = None

    layout: ClassVar[Layout] = Layout(stem=("whiten",), blocks=("layers.{stage}",))
    images_to_fit: ClassVar[int] = 5000

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array]:
        x = build_activation(GELU)(Conv(8 * self.in_channels, 2, name="whiten")(x))
        for stage, channels in enumerate(self.widths, 1):
            x = ConvGroup(channels, name=f"layers.{stage}")(x, train)
        return (max_pool(x, 3, 3),)

    @nn.nowrap
    def fit(self, params: Mapping[str, Any], images: np.ndarray) -> dict[str, Any]:
        """The parameters with the whitening of these images: each direction of 2x2 pixels, and its opposite."""
        shifted = [images[:, i : i - 1 or None, j : j - 1 or None] for i in (0, 1) for j in (0, 1)]
        patches = np.stack(shifted, -2).astype(np.float64).reshape(-1, 4 * self.in_channels)
        variances, directions = np.linalg.eigh(patches.T @ patches / len(patches))
        kernel = (directions / np.sqrt(variances + _EPS)).reshape(2, 2, self.in_channels, -1)
        whiten = {**params["whiten"], "kernel": jnp.asarray(np.concatenate([kernel, -kernel], -1), jnp.float32)}
        return {**params, "whiten": whiten}

    def is_frozen(self, path: tuple[str, ...]) -> bool:
        """The whitening, and all scales of norms."""
        return path == ("whiten", "kernel") or path[-1] == "scale" or super().is_frozen(path)
