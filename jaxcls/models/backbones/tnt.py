"""Transformer in Transformer (Han et al. 2021, arXiv:2103.00112); mmcls/models/backbones/tnt.py."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.backbones.base import Backbone, Config, architectures, settings_of
from jaxcls.models.backbones.layout import Layout
from jaxcls.models.layers import (
    FFN,
    GELU,
    LN,
    Conv,
    DropPath,
    Linear,
    PackedMultiheadAttention,
    build_norm,
    drop_path_rates,
    fit_pos_embed,
    pair,
    residual,
)
from jaxcls.models.layers.initializers import trunc_normal

# table 1 of the paper
_ARCHITECTURES = architectures(
    ("embed_dims_outer", "embed_dims_inner", "num_layers", "num_heads_outer", "num_heads_inner"),
    {("s", "small"): (384, 24, 12, 6, 4), ("b", "base"): (640, 40, 12, 10, 4)},
)


class TransformerBlock(nn.Module):
    """Attention and feed-forward, each after a norm and beside a shortcut: (N, L, D) -> same.

    Attributes:
        num_heads: of the attention, a divisor of D.
        ffn_ratio: width within the feed-forward part over D.
        drop_rate: dropout rate of both parts.
        attn_drop_rate: dropout rate of the attention weights.
        drop_path_rate: probability of dropping a part for a sample.
        num_fcs: layers of the feed-forward part.
        qkv_bias: whether query, key and value have a bias.
    """

    num_heads: int
    ffn_ratio: int = 4
    drop_rate: float = 0.0
    attn_drop_rate: float = 0.0
    drop_path_rate: float = 0.0
    num_fcs: int = 2
    qkv_bias: bool = False
    act_cfg: Config = GELU
    norm_cfg: Config = LN

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with dropout and stochastic depth."""
        drop_path = DropPath(self.drop_path_rate)
        # MMCV's layer around PyTorch's has the same name
        attn = PackedMultiheadAttention(self.num_heads, self.attn_drop_rate, self.qkv_bias, name="attn.attn")
        ffn = FFN(x.shape[-1] * self.ffn_ratio, self.num_fcs, self.act_cfg, self.drop_rate, name="ffn")
        y = attn(build_norm(self.norm_cfg, "norm_attn")(x, train), train)
        x = residual(x, drop_path(nn.Dropout(self.drop_rate)(y, deterministic=not train), train))
        return residual(x, drop_path(ffn(build_norm(self.norm_cfg, "norm_ffn")(x, train), train), train))


class TnTLayer(nn.Module):
    """Pixels of each patch (N * L, P, D) and a class token with patches (N, 1 + L, D') -> both, of the same shapes.

    Attributes:
        inner: arguments of the `TransformerBlock` among the pixels of a patch.
        outer: arguments of that among the patches.
        norm_cfg: of the norm of the pixels on their way to the patches.
    """

    inner: Config
    outer: Config
    norm_cfg: Config = LN

    @nn.compact
    def __call__(self, pixels: Array, patches: Array, train: bool = False) -> tuple[Array, Array]:
        """`train`: with dropout and stochastic depth."""
        n, length, width = patches.shape
        pixels = TransformerBlock(**self.inner, name="inner_block")(pixels, train)
        details = build_norm(self.norm_cfg, "norm_proj")(pixels, train).reshape(n, length - 1, -1)
        patches = patches.at[:, 1:].add(Linear(width, name="projection")(details))
        return pixels, TransformerBlock(**self.outer, name="outer_block")(patches, train)


class TNT(Backbone):
    """Images (N, H, W, C) of `img_size` alone -> (the class token (N, embed_dims_outer),).

    Attributes:
        arch: s(mall), b(ase), or a dict of embed_dims_outer, embed_dims_inner, num_layers, num_heads_outer,
            num_heads_inner.
        img_size: (H, W) or one number, in pixels.
        patch_size: pixels down and across.
        ffn_ratio: width within the feed-forward parts over that around them.
        qkv_bias: whether query, key and value have a bias.
        drop_rate: dropout rate after the position embedding and in the layers.
        attn_drop_rate: dropout rate of the attention weights.
        drop_path_rate: the last layer's stochastic depth; it grows linearly from 0.
        act_cfg: of the feed-forward parts.
        first_stride: from one pixel, as the inner transformer sees it, to the next.
        num_fcs: layers of the feed-forward parts.
        with_cp: activations of a layer are computed again in the backward pass, to save memory.

    Raises:
        UserError: an architecture that is not there, or images of another size.
    """

    arch: str | Config = "b"
    img_size: int | tuple[int, int] = 224
    patch_size: int | tuple[int, int] = 16
    in_channels: int = 3
    ffn_ratio: int = 4
    qkv_bias: bool = False
    drop_rate: float = 0.0
    attn_drop_rate: float = 0.0
    drop_path_rate: float = 0.0
    act_cfg: Config = GELU
    norm_cfg: Config = LN
    first_stride: int = 4
    num_fcs: int = 2
    with_cp: bool = False
    init_cfg: Any = (
        nn.FrozenDict({"type": "TruncNormal", "layer": "Linear", "std": 0.02}),
        nn.FrozenDict({"type": "Constant", "layer": "LayerNorm", "val": 1.0, "bias": 0.0}),
    )

    layout: ClassVar[Layout] = Layout(
        stem=("pixel_embed", "pixel_pos", "norm1_proj", "projection", "norm2_proj", "cls_token", "patch_pos"),
        blocks=("layers.{stage}",),
        rest=("norm",),
        first=0,
    )

    def __post_init__(self) -> None:
        settings_of(self.arch, _ARCHITECTURES)  # says what is wrong in it
        super().__post_init__()

    @property
    def settings(self) -> Config:
        """Of the architecture."""
        return settings_of(self.arch, _ARCHITECTURES)

    @property
    def grid(self) -> tuple[int, int]:
        """How many patches an image has, (rows, columns)."""
        rows, columns = (size // patch for size, patch in zip(pair(self.img_size), pair(self.patch_size), strict=True))
        return rows, columns

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with dropout and stochastic depth."""
        if x.shape[1:3] != pair(self.img_size):
            raise UserError(f"TNT: images of {x.shape[1]}x{x.shape[2]} pixels, but img_size={self.img_size!r}")
        pixels = self._pixels(x)
        patches = self._patches(pixels.reshape(x.shape[0], self.grid[0] * self.grid[1], -1), train)
        rates = drop_path_rates(self.drop_path_rate, [self.settings["num_layers"]])[0]
        for index, rate in enumerate(rates):
            inner, outer = (self._block(self.settings[f"num_heads_{kind}"], rate) for kind in ("inner", "outer"))
            layer = self.checkpointed(TnTLayer, train, arrays=2)(inner, outer, self.norm_cfg, name=f"layers.{index}")
            pixels, patches = layer(pixels, patches, train)
        return (build_norm(self.norm_cfg, "norm")(patches, train)[:, 0],)

    def _pixels(self, x: Array) -> Array:
        """Images (N, H, W, C) -> pixels (N * patches, pixels of a patch, embed_dims_inner) with their positions."""
        width, (rows, columns) = self.settings["embed_dims_inner"], self.grid
        x = Conv(width, 7, self.first_stride, 3, name="pixel_embed.proj")(x)
        height, across = (math.ceil(size / self.first_stride) for size in pair(self.patch_size))
        if (x.shape[1] // height, x.shape[2] // across) != self.grid:
            raise UserError(f"TNT: patch_size={self.patch_size!r} and first_stride={self.first_stride} do not fit")
        x = x[:, : rows * height, : columns * across].reshape(-1, rows, height, columns, across, width)
        x = x.swapaxes(2, 3).reshape(-1, height * across, width)
        positions = self.param("pixel_pos", trunc_normal(std=0.02), (1, width, height, across), jnp.float32)
        return x + positions.reshape(1, width, -1).swapaxes(1, 2).astype(x.dtype)

    def _patches(self, pixels: Array, train: bool) -> Array:
        """Pixels of each patch (N, L, P * D) -> a class token and the patches (N, 1 + L, D'), with positions."""
        n, length, _ = pixels.shape
        width = self.settings["embed_dims_outer"]
        x = Linear(width, name="projection")(build_norm(self.norm_cfg, "norm1_proj")(pixels, train))
        x = build_norm(self.norm_cfg, "norm2_proj")(x, train)
        cls_token = self.param("cls_token", trunc_normal(std=0.02), (1, 1, width), jnp.float32).astype(x.dtype)
        x = jnp.concatenate([jnp.broadcast_to(cls_token, (n, 1, width)), x], axis=1)
        positions = self.param("patch_pos", trunc_normal(std=0.02), (1, length + 1, width), jnp.float32)
        return nn.Dropout(self.drop_rate)(x + positions.astype(x.dtype), deterministic=not train)

    def _block(self, num_heads: int, drop_path_rate: float) -> Config:
        """Arguments of a `TransformerBlock`."""
        arguments = {
            "num_heads": num_heads,
            "ffn_ratio": self.ffn_ratio,
            "drop_rate": self.drop_rate,
            "attn_drop_rate": self.attn_drop_rate,
            "drop_path_rate": drop_path_rate,
            "num_fcs": self.num_fcs,
            "qkv_bias": self.qkv_bias,
            "act_cfg": self.act_cfg,
            "norm_cfg": self.norm_cfg,
        }
        return nn.FrozenDict(arguments)

    @nn.nowrap
    def resize_on_load(self, path: tuple[str, ...], value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The patches' positions are resized; the class token's stays."""
        return fit_pos_embed(value, shape, self.grid, "bicubic", 1) if path == ("patch_pos",) else value
