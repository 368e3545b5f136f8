"""MViTv2 (Li et al. 2022, arXiv:2112.01526); mmcls/models/backbones/mvit.py."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.backbones.base import Backbone, Config, architectures, output_indices, settings_of
from jaxcls.models.backbones.layout import Layout
from jaxcls.models.layers import (
    GELU,
    Conv,
    DropPath,
    Linear,
    PatchEmbed,
    attention,
    build_activation,
    build_norm,
    drop_path_rates,
    fit_pos_embed,
    max_pool,
    override,
    pair,
    residual,
    resize_pos_embed,
)
from jaxcls.models.layers.attention import split_heads
from jaxcls.models.layers.initializers import constant, trunc_normal
from jaxcls.models.layers.position import fit_axis_table, resize_matrix

# table 1 of the paper
_ARCHITECTURES = architectures(
    ("embed_dims", "num_layers", "num_heads", "downscale_indices"),
    {
        ("tiny",): (96, 10, 1, (1, 3, 8)),
        ("small",): (96, 16, 1, (1, 3, 14)),
        ("base",): (96, 24, 1, (2, 5, 21)),
        ("large",): (144, 48, 2, (2, 8, 44)),
    },
)


class Scale(NamedTuple):
    """What one layer sees.

    Attributes:
        num_heads: of the attention.
        width: of its output.
        stride_q: of the queries' pooling, and so of the layer.
        stride_kv: of the keys' and values' pooling.
        size: places down and across of the map that the relative positions are for.
    """

    num_heads: int
    width: int
    stride_q: int
    stride_kv: int
    size: tuple[int, int]


class MultiScaleAttention(nn.Module):
    """Attention from a pooled map to another pooled map: (N, H, W, C) -> (N, H / stride_q, W / stride_q, width).

    Attributes:
        scale: heads, strides and the size that the relative positions are for.
        width: of the output.
        qkv_bias: whether query, key and value have a bias.
        pool_kernel: places down and across that are pooled, by a depthwise convolution.
        rel_pos_spatial: learnt biases for relative positions, rows and columns apart.
        residual_pooling: the pooled queries are added to the output.
        rel_pos_zero_init: relative positions start at 0.
    """

    scale: Scale
    width: int
    qkv_bias: bool = True
    norm_cfg: Config = nn.FrozenDict({"type": "LN"})
    pool_kernel: tuple[int, int] = (3, 3)
    rel_pos_spatial: bool = True
    residual_pooling: bool = True
    rel_pos_zero_init: bool = False

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train` reaches the norms."""
        n, height, width, channels = x.shape
        qkv = Linear(3 * self.width, use_bias=self.qkv_bias, name="qkv")(x.reshape(n, -1, channels))
        query, key, value = (
            self._pool(part.reshape(n, height, width, *part.shape[2:]), kind, stride, train)
            for part, kind, stride in zip(
                split_heads(qkv, self.scale.num_heads),
                "qkv",
                (self.scale.stride_q, self.scale.stride_kv, self.scale.stride_kv),
                strict=True,
            )
        )
        bias = self._bias(query, key) if self.rel_pos_spatial else None
        flat_query, flat_key, flat_value = (part.reshape(n, -1, *part.shape[3:]) for part in (query, key, value))
        y = attention(flat_query, flat_key, flat_value, bias).reshape(query.shape)
        y = y + query if self.residual_pooling else y
        return Linear(self.width, name="proj")(y.reshape(*query.shape[:3], self.width))

    def _pool(self, x: Array, kind: str, stride: int, train: bool) -> Array:
        """(N, H, W, heads, D) -> (N, H / stride, W / stride, heads, D), normed."""
        n, height, width, heads, channels = x.shape
        x = jnp.moveaxis(x, 3, 1).reshape(n * heads, height, width, channels)
        padding = (self.pool_kernel[0] // 2, self.pool_kernel[1] // 2)
        x = Conv(channels, self.pool_kernel, stride, padding, 1, channels, use_bias=False, name=f"pool_{kind}")(x)
        x = build_norm(self.norm_cfg, f"norm_{kind}")(x, train)
        return jnp.moveaxis(x.reshape(n, heads, *x.shape[1:]), 1, 3)

    def _bias(self, query: Array, key: Array) -> Array:
        """(N, heads, H * W, H' * W'), float32, for queries (N, H, W, heads, D) and keys (N, H', W', heads, D)."""
        n, height, width, heads, channels = query.shape
        init = constant(0.0) if self.rel_pos_zero_init else trunc_normal(std=0.02)
        side = self.scale.size[0]
        length = 2 * max(side // self.scale.stride_q, side // self.scale.stride_kv) - 1
        rows, columns = (
            relative_positions(self.param(name, init, (length, channels), jnp.float32), size, other).astype(query.dtype)
            for name, size, other in zip(("rel_pos_h", "rel_pos_w"), (height, width), key.shape[1:3], strict=True)
        )
        down = jnp.einsum("nhwac,hkc->nahwk", query, rows, preferred_element_type=jnp.float32)
        across = jnp.einsum("nhwac,wkc->nahwk", query, columns, preferred_element_type=jnp.float32)
        return (down[..., :, None] + across[..., None, :]).reshape(n, heads, height * width, -1)


def relative_positions(table: Array, queries: int, keys: int) -> Array:
    """A table (L, D) -> (queries, keys, D): the row for each query's and key's places on one axis.

    The table is resized where it is of another length than 2 * max(queries, keys) - 1.
    """
    length = 2 * max(queries, keys) - 1
    if len(table) != length:
        table = jnp.dot(resize_matrix(len(table), length, "bilinear"), table, precision="highest")
    query_step, key_step = max(keys / queries, 1.0), max(queries / keys, 1.0)
    places = np.arange(queries)[:, None] * query_step - np.arange(keys) * key_step + (keys - 1) * key_step
    return table[places.astype(int)]


class MultiScaleBlock(nn.Module):
    """Attention and feed-forward, each after a norm and beside a shortcut: (N, H, W, C) -> (N, H / s, W / s, width).

    Attributes:
        scale: heads, strides and width.
        mlp_ratio: width within the feed-forward part over that before it.
        drop_path: probability of dropping a part for a sample.
        dim_mul_in_attention: where the width changes, it does so in the attention, else in the feed-forward part.
        attn_cfg: arguments of `MultiScaleAttention`.
    """

    scale: Scale
    mlp_ratio: float = 4.0
    drop_path: float = 0.0
    norm_cfg: Config = nn.FrozenDict({"type": "LN"})
    act_cfg: Config = GELU
    dim_mul_in_attention: bool = True
    attn_cfg: Config = nn.FrozenDict()

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with stochastic depth."""
        is_wider, drop_path = x.shape[-1] != self.scale.width, DropPath(self.drop_path)
        project = Linear(self.scale.width, name="proj") if is_wider else None
        width = self.scale.width if self.dim_mul_in_attention else x.shape[-1]
        y = build_norm(self.norm_cfg, "norm1")(x, train)
        skip = project(y) if project and self.dim_mul_in_attention else x
        if (stride := self.scale.stride_q) > 1:
            skip = max_pool(skip, stride + 1, stride, (stride + 1) // 2)
        attn = MultiScaleAttention(self.scale, width, norm_cfg=self.norm_cfg, name="attn", **self.attn_cfg)
        x = residual(skip, drop_path(attn(y, train), train))
        y = build_norm(self.norm_cfg, "norm2")(x, train)
        skip = project(y) if project and not self.dim_mul_in_attention else x
        hidden = Linear(int(width * self.mlp_ratio), name="mlp.fc1")(y)
        y = Linear(self.scale.width, name="mlp.fc2")(build_activation(self.act_cfg)(hidden))
        return residual(skip, drop_path(y, train))


class MViT(Backbone):
    """Images (N, H, W, C) -> a tuple of the outputs of `out_scales`, (N, H / 4, W / 4, embed_dims) the first of them.

    Outputs are normed, and so is what the next scale sees. Images of another size than `img_size` are taken too.

    Attributes:
        arch: tiny, small, base, large, or a dict of embed_dims, num_layers, num_heads, downscale_indices.
        img_size: (H, W) or one number, in pixels, that positions are for.
        out_scales: the scales to return, from 0, negative ones from the end.
        drop_path_rate: the last layer's stochastic depth; it grows linearly from 0.
        use_abs_pos_embed: learnt absolute positions are added to the patches.
        interpolate_mode: how these are resized.
        pool_kernel: see `MultiScaleAttention`.
        dim_mul: width from one scale to the next.
        head_mul: heads from one scale to the next.
        adaptive_kv_stride: of the keys' and values' pooling in the first scale; halved with each scale.
        rel_pos_spatial: see `MultiScaleAttention`.
        residual_pooling: see `MultiScaleAttention`.
        dim_mul_in_attention: see `MultiScaleBlock`; without it the last layer of a scale gives the next one's width.
        rel_pos_zero_init: see `MultiScaleAttention`.
        mlp_ratio: width within the feed-forward parts over that before them.
        qkv_bias: whether query, key and value have a bias.
        norm_cfg: of all norms.
        patch_cfg: arguments of `PatchEmbed` that differ.
        with_cp: activations of a layer are computed again in the backward pass, to save memory.

    Raises:
        UserError: an architecture, a scale or an argument that is not there, or relative positions on a map that is
            no square.
    """

    arch: str | Config = "base"
    img_size: int | tuple[int, int] = 224
    in_channels: int = 3
    out_scales: int | tuple[int, ...] = -1
    drop_path_rate: float = 0.0
    use_abs_pos_embed: bool = False
    interpolate_mode: str = "bicubic"
    pool_kernel: tuple[int, int] = (3, 3)
    dim_mul: int = 2
    head_mul: int = 2
    adaptive_kv_stride: int = 4
    rel_pos_spatial: bool = True
    residual_pooling: bool = True
    dim_mul_in_attention: bool = True
    rel_pos_zero_init: bool = False
    mlp_ratio: float = 4.0
    qkv_bias: bool = True
    norm_cfg: Config = nn.FrozenDict({"type": "LN", "eps": 1e-6})
    patch_cfg: Config = nn.FrozenDict({"kernel_size": 7, "stride": 4, "padding": 3})
    with_cp: bool = False
    init_cfg: Any = None

    layout: ClassVar[Layout] = Layout(
        stem=("patch_embed", "pos_embed"),
        blocks=("blocks.{stage}",),
        rest=("norm0", "norm1", "norm2", "norm3"),
        first=0,
    )

    def __post_init__(self) -> None:
        output_indices(self.out_scales, self.num_outputs, "out_scales")
        rows, columns = self._patch_embed().resolution(pair(self.img_size))
        if self.rel_pos_spatial and rows != columns:
            raise UserError(f"img_size={self.img_size!r}: rel_pos_spatial=True needs square images")
        super().__post_init__()

    @property
    def settings(self) -> Config:
        """Of the architecture."""
        return settings_of(self.arch, _ARCHITECTURES)

    @property
    def num_outputs(self) -> int:
        return len(self.settings["downscale_indices"]) + 1

    def scales(self, size: tuple[int, int]) -> list[Scale]:
        """What each layer sees, for so many patches down and across."""
        width, num_heads, stride_kv = self.settings["embed_dims"], self.settings["num_heads"], self.adaptive_kv_stride
        downscale, found = self.settings["downscale_indices"], []
        for i in range(self.settings["num_layers"]):
            is_first = i in downscale
            if is_first:
                num_heads, stride_kv = num_heads * self.head_mul, max(stride_kv // 2, 1)
            if (i if self.dim_mul_in_attention else i + 1) in downscale:
                width *= self.dim_mul
            found.append(Scale(num_heads, width, 2 if is_first else 1, stride_kv, size))
            if is_first:
                size = (size[0] // 2, size[1] // 2)
        return found

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with stochastic depth."""
        patch_embed = self._patch_embed()
        own_size = patch_embed.resolution(pair(self.img_size))
        x = self._with_positions(patch_embed(x, train), own_size) if self.use_abs_pos_embed else patch_embed(x, train)
        scales, outputs = self.scales(own_size), []
        rates = drop_path_rates(self.drop_path_rate, [len(scales)])[0]
        last = [*(index - 1 for index in self.settings["downscale_indices"]), len(scales) - 1]
        returned = output_indices(self.out_scales, self.num_outputs, "out_scales")
        for i, (scale, rate) in enumerate(zip(scales, rates, strict=True)):
            x = self._block(scale, rate, f"blocks.{i}", train)(x, train)
            if i in last and last.index(i) in returned:
                x = build_norm(self.norm_cfg, f"norm{last.index(i)}")(x, train)
                outputs.append(x)
        return tuple(outputs)

    def _with_positions(self, x: Array, own_size: tuple[int, int]) -> Array:
        """Patches (N, H', W', embed_dims) with absolute positions: same."""
        *size, width = x.shape[1:]
        shape = (1, own_size[0] * own_size[1], width)
        pos_embed = self.param("pos_embed", trunc_normal(std=0.02), shape, jnp.float32)
        pos_embed = resize_pos_embed(pos_embed, own_size, size, self.interpolate_mode, num_extra_tokens=0)
        return x + pos_embed.reshape(1, *size, width).astype(x.dtype)

    @nn.nowrap
    def _patch_embed(self) -> PatchEmbed:
        width = self.settings["embed_dims"]
        return override(PatchEmbed, self.patch_cfg, "patch_cfg", embed_dims=width, name="patch_embed")

    def _block(self, scale: Scale, drop_path: float, name: str, train: bool) -> MultiScaleBlock:
        attn_cfg = {
            "qkv_bias": self.qkv_bias,
            "pool_kernel": self.pool_kernel,
            "rel_pos_spatial": self.rel_pos_spatial,
            "residual_pooling": self.residual_pooling,
            "rel_pos_zero_init": self.rel_pos_zero_init,
        }
        return self.checkpointed(MultiScaleBlock, train)(
            scale,
            self.mlp_ratio,
            drop_path,
            self.norm_cfg,
            dim_mul_in_attention=self.dim_mul_in_attention,
            attn_cfg=nn.FrozenDict(attn_cfg),
            name=name,
        )

    @nn.nowrap
    def resize_on_load(self, path: tuple[str, ...], value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Absolute positions are resized, and relative ones as they are for images of another size."""
        if path[-1] in ("rel_pos_h", "rel_pos_w"):
            return fit_axis_table(value, shape)
        if path != ("pos_embed",):
            return value
        own_size = self._patch_embed().resolution(pair(self.img_size))
        return fit_pos_embed(value, shape, own_size, self.interpolate_mode, num_extra_tokens=0)
