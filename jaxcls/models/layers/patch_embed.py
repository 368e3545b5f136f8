"""Images to patches, and patches to larger ones (mmcv/cnn/bricks/transformer.py: PatchEmbed, PatchMerging)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.layers.conv import Conv, IntOrPair, Linear, padding_of, pair
from jaxcls.models.layers.conv2d import Window
from jaxcls.models.layers.norm import build_norm
from jaxcls.models.layers.pixels import require_pixels


class _Windowed(nn.Module, kw_only=True):
    """What both share: windows over an image (N, H, W, C).

    Attributes:
        kernel_size: of a window, (rows, columns) or one number.
        stride: from one window to the next; None: the kernel size, windows side by side.
        padding: `corner`, zeros below and to the right, or `same`, zeros on all sides, as many as the last window
            needs to be whole; or a number of zeros on each side.
        dilation: from one pixel in a window to the next.
    """

    kernel_size: IntOrPair
    stride: IntOrPair | None = None
    padding: str | IntOrPair = "corner"
    dilation: IntOrPair = 1

    def __post_init__(self) -> None:
        if isinstance(self.padding, str) and self.padding not in ("corner", "same"):
            raise UserError(f"padding={self.padding!r}; allowed: corner, same or numbers")
        super().__post_init__()

    @nn.nowrap
    def window(self, image_size: Sequence[int]) -> Window:
        """How the windows lie on an image of (H, W) pixels."""
        stride = self.kernel_size if self.stride is None else self.stride
        sides = padding_of(self.padding, image_size, self.kernel_size, stride, self.dilation)
        return Window(pair(stride), sides, pair(self.dilation))

    @nn.nowrap
    def resolution(self, image_size: Sequence[int]) -> tuple[int, int]:
        """How many windows, (rows, columns), an image of (H, W) pixels has."""
        rows, columns = (
            (size + sum(sides) - gap * (taps - 1) - 1) // step + 1
            for size, taps, step, sides, gap in zip(
                image_size, pair(self.kernel_size), *self.window(image_size), strict=True
            )
        )
        return rows, columns


class PatchEmbed(_Windowed, kw_only=True):
    """Images (N, H, W, C) -> patches (N, H', W', embed_dims).

    Attributes:
        in_channels: C.
        embed_dims: width of a patch's embedding.
        bias: whether the projection has one.
        norm_cfg: the norm after it, or None.
    """

    embed_dims: int
    in_channels: int | None = None  # the original's configs give it; the layers take what comes
    kernel_size: IntOrPair = 16
    bias: bool = True
    norm_cfg: Mapping[str, Any] | None = None
    init_cfg: Any = None

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train` reaches the norm."""
        stride = self.kernel_size if self.stride is None else self.stride
        window = (self.kernel_size, stride, self.padding, self.dilation)
        x = Conv(self.embed_dims, *window, use_bias=self.bias, name="projection")(x)
        return x if self.norm_cfg is None else build_norm(self.norm_cfg, "norm")(x, train)


class PatchMerging(_Windowed, kw_only=True):
    """Patches (N, H, W, C) -> (N, H', W', out_channels): each window's patches side by side, normed and projected.

    Attributes:
        out_channels: width afterwards.
        bias: whether the projection has one.
        norm_cfg: the norm before it, or None.
        is_post_norm: the norm is after it.
    """

    out_channels: int
    kernel_size: IntOrPair = 2
    bias: bool = False
    norm_cfg: Mapping[str, Any] | None = nn.FrozenDict({"type": "LN"})
    is_post_norm: bool = False
    init_cfg: Any = None

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train` reaches the norm."""
        reduction = Linear(self.out_channels, use_bias=self.bias, name="reduction")
        x = reduction(self.unfold(x)) if self.is_post_norm else self.unfold(x)
        if self.norm_cfg is not None:
            x = build_norm(self.norm_cfg, "norm")(x, train)
        return x if self.is_post_norm else reduction(x)

    @nn.nowrap
    def unfold(self, x: Array) -> Array:
        """(N, H, W, C) -> (N, H', W', C * taps), see `unfold`."""
        return unfold(x, pair(self.kernel_size), self.window(x.shape[1:3]))


def unfold(x: Array, kernel_size: tuple[int, int], window: Window) -> Array:
    """(N, H, W, C) -> (N, H', W', C * taps), the taps of one channel together, as in `torch.nn.Unfold`."""
    (down, right), padding, (below, beside) = window
    (height, width), size = kernel_size, x.shape[1:3]
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    rows = (x.shape[1] - below * (height - 1) - 1) // down + 1
    columns = (x.shape[2] - beside * (width - 1) - 1) // right + 1
    require_pixels((rows, columns), kernel_size, size)
    taps = [
        x[:, top : top + (rows - 1) * down + 1 : down, left : left + (columns - 1) * right + 1 : right]
        for top in range(0, height * below, below)
        for left in range(0, width * beside, beside)
    ]
    return jnp.stack(taps, axis=-1).reshape(x.shape[0], rows, columns, -1)
