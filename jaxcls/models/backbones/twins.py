"""Twins-PCPVT and Twins-SVT (Chu et al. 2021, arXiv:2104.13840); mmcls/models/backbones/twins.py."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.backbones.base import Backbone, Config, architectures, settings_of
from jaxcls.models.backbones.layout import Layout
from jaxcls.models.layers import FFN, GELU, LN, Conv, DropPath, Linear, PatchEmbed, attention, build_norm, residual
from jaxcls.models.layers.attention import split_heads, weight_dropout
from jaxcls.models.layers.drop_path import drop_path_rates
from jaxcls.models.layers.initializers import normal
from jaxcls.models.layers.window_attention import window_partition, window_reverse

_STRIDES, _REDUCTIONS = ((4, 2, 2, 2), (4, 2, 2, 2)), (8, 4, 2, 1)
_KEYS = ("embed_dims", "depths", "num_heads", "patch_sizes", "strides", "mlp_ratios", "sr_ratios")

# tables 7 and 8 of the paper
_PCPVT = architectures(
    _KEYS,
    {
        names: ((64, 128, 320, 512), depths, (1, 2, 5, 8), *_STRIDES, (8, 8, 4, 4), _REDUCTIONS)
        for names, depths in {
            ("s", "small"): (3, 4, 6, 3),
            ("b", "base"): (3, 4, 18, 3),
            ("l", "large"): (3, 8, 27, 3),
        }.items()
    },
)
_SVT = architectures(
    (*_KEYS, "window_sizes"),
    {
        names: (widths, depths, heads, *_STRIDES, (4, 4, 4, 4), _REDUCTIONS, (7, 7, 7, 7))
        for names, widths, depths, heads in (
            (("s", "small"), (64, 128, 256, 512), (2, 2, 10, 4), (2, 4, 8, 16)),
            (("b", "base"), (96, 192, 384, 768), (2, 2, 18, 2), (3, 6, 12, 24)),
            (("l", "large"), (128, 256, 512, 1024), (2, 2, 18, 2), (4, 8, 16, 32)),
        )
    },
)

_INIT: tuple[Config, ...] = (
    {"type": "TruncNormal", "layer": "Linear", "std": 0.02},
    {"type": "Constant", "layer": "LayerNorm", "val": 1.0},
    {"type": "Kaiming", "layer": "Conv2d", "mode": "fan_out"},
)
_MASKED = -1000.0


class GlobalSubsampledAttention(nn.Module):
    """Attention of all places to a coarser map: (N, H, W, C) -> same.

    Attributes:
        num_heads: a divisor of C.
        sr_ratio: places down and across that one place of the coarser map stands for.
        qkv_bias: whether query, key and value have a bias.
        attn_drop: dropout rate of the attention weights.
        proj_drop: dropout rate of the output.
    """

    num_heads: int
    sr_ratio: int = 1
    qkv_bias: bool = True
    attn_drop: float = 0.0
    proj_drop: float = 0.0
    norm_cfg: Config = LN

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with dropout."""
        n, height, width, channels = x.shape
        query = Linear(channels, use_bias=self.qkv_bias, name="q")(x)
        coarse = x
        if self.sr_ratio > 1:
            coarse = Conv(channels, self.sr_ratio, self.sr_ratio, name="sr")(x)
            coarse = build_norm(self.norm_cfg, "norm")(coarse, train)
        key_value = Linear(2 * channels, use_bias=self.qkv_bias, name="kv")(coarse)
        heads = (n, -1, self.num_heads, channels // self.num_heads)
        key, value = (part.reshape(heads) for part in jnp.split(key_value, 2, axis=-1))
        y = attention(query.reshape(heads), key, value, dropout=weight_dropout(self.attn_drop, train))
        y = Linear(channels, name="proj")(y.reshape(n, height, width, channels))
        return nn.Dropout(self.proj_drop)(y, deterministic=not train)


class LocallyGroupedSelfAttention(nn.Module):
    """Attention within windows: (N, H, W, C) -> same; maps are padded to a multiple of `window_size`.

    Attributes:
        num_heads: a divisor of C.
        window_size: places down and across.
        qkv_bias: whether query, key and value have a bias.
        attn_drop: dropout rate of the attention weights.
        proj_drop: dropout rate of the output.
    """

    num_heads: int
    window_size: int = 1
    qkv_bias: bool = False
    attn_drop: float = 0.0
    proj_drop: float = 0.0

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with dropout."""
        n, height, width, channels = x.shape
        below, beside = -height % self.window_size, -width % self.window_size
        x = jnp.pad(x, ((0, 0), (0, below), (0, beside), (0, 0)))
        qkv = Linear(3 * channels, use_bias=self.qkv_bias, name="qkv")(window_partition(x, self.window_size))
        bias = None
        if below and beside:  # the original masks what was padded in this case alone
            mask = _padding_mask((height, width), self.window_size)[:, None]
            bias = jnp.broadcast_to(mask, (n, *mask.shape)).reshape(-1, *mask.shape[1:])
        dropout = weight_dropout(self.attn_drop, train)
        y = attention(*split_heads(qkv, self.num_heads), bias=bias, dropout=dropout)
        padded = (height + below, width + beside)
        y = window_reverse(y.reshape(*qkv.shape[:2], channels), padded, self.window_size)
        y = Linear(channels, name="proj")(y[:, :height, :width])
        return nn.Dropout(self.proj_drop)(y, deterministic=not train)


@functools.cache
def _padding_mask(size: tuple[int, int], window_size: int) -> np.ndarray:
    """(windows, window_size ** 2, window_size ** 2): 0 between places of the map or of the padding, else -1000."""
    is_padding = np.ones([side + -side % window_size for side in size], np.float32)
    is_padding[: size[0], : size[1]] = 0
    label = window_partition(is_padding[None, :, :, None], window_size)[..., 0]
    return np.where(label[:, :, None] == label[:, None, :], 0.0, _MASKED).astype(np.float32)


class TwinsLayer(nn.Module):
    """Attention and feed-forward, each after a norm and beside a shortcut: (N, H, W, C) -> same.

    Attributes:
        num_heads: of the attention, a divisor of C.
        feedforward_channels: width within the feed-forward part.
        sr_ratio: see `GlobalSubsampledAttention`.
        window_size: see `LocallyGroupedSelfAttention`; None: the attention is global.
        drop_rate: dropout rate of both parts.
        attn_drop_rate: dropout rate of the attention weights.
        drop_path_rate: probability of dropping a part for a sample.
    """

    num_heads: int
    feedforward_channels: int
    sr_ratio: int = 1
    window_size: int | None = None
    drop_rate: float = 0.0
    attn_drop_rate: float = 0.0
    drop_path_rate: float = 0.0
    qkv_bias: bool = True
    norm_cfg: Config = LN

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with dropout and stochastic depth."""
        arguments = (self.qkv_bias, self.attn_drop_rate, self.drop_rate)
        is_global = self.window_size is None
        if self.window_size is None:
            attn: nn.Module = GlobalSubsampledAttention(
                self.num_heads, self.sr_ratio, *arguments, self.norm_cfg, name="attn"
            )
        else:
            attn = LocallyGroupedSelfAttention(self.num_heads, self.window_size, *arguments, name="attn")
        ffn = FFN(self.feedforward_channels, act_cfg=GELU, ffn_drop=self.drop_rate, name="ffn")
        drop_path = DropPath(self.drop_path_rate)
        y = attn(build_norm(self.norm_cfg, "norm1")(x, train), train)
        # Feed-forward and global attention drop paths themselves in the original, and the layer drops them once more.
        x = residual(x, drop_path(drop_path(y, train) if is_global else y, train))
        y = ffn(build_norm(self.norm_cfg, "norm2")(x, train), train)
        return residual(x, drop_path(drop_path(y, train), train))


class ConditionalPositionEncoding(nn.Module):
    """A depthwise 3x3 convolution beside a shortcut tells where a place is: (N, H, W, C) -> same.

    After Chu et al. 2021, arXiv:2102.10882.

    Attributes:
        kernel_init: initial kernel, whatever `init_cfg` says; None: as it says.
    """

    kernel_init: Any = None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Adds positions."""
        channels = x.shape[-1]
        proj = Conv(channels, 3, padding=1, groups=channels, kernel_init=self.kernel_init, name="proj")
        return residual(x, proj(x))


class PCPVT(Backbone):
    """Images (N, H, W, C) -> a tuple of stages' outputs, (N, H / 4, W / 4, embed_dims[0]) the first of them.

    Attributes:
        arch: s(mall), b(ase), l(arge), or a dict of embed_dims, depths, num_heads, patch_sizes, strides, mlp_ratios,
            sr_ratios, each one a stage.
        out_indices: the stages to return, from 0.
        qkv_bias: whether query, key and value have a bias.
        drop_rate: dropout rate after each patch embedding and in the layers.
        attn_drop_rate: dropout rate of the attention weights.
        drop_path_rate: the last layer's stochastic depth; it grows linearly from 0.
        norm_after_stage: whether a norm follows each stage, before the next one too; one for all or one a stage.
        with_cp: activations of a layer are computed again in the backward pass, to save memory.

    Raises:
        UserError: an architecture or stage that is not there, or settings of other lengths.
    """

    arch: str | Config
    in_channels: int = 3
    out_indices: int | tuple[int, ...] = (3,)
    qkv_bias: bool = False
    drop_rate: float = 0.0
    attn_drop_rate: float = 0.0
    drop_path_rate: float = 0.0
    norm_cfg: Config = LN
    norm_after_stage: bool | tuple[bool, ...] = False
    with_cp: bool = False
    init_cfg: Any = None

    architectures: ClassVar[Mapping[str, Config]] = _PCPVT
    layout: ClassVar[Layout] = Layout(
        blocks=("stages.{stage}.{block}",),
        before=("patch_embeds.{stage}", "position_encodings.{stage}"),
        norms=("norm_after_stage{stage}",),
        first=0,
    )

    def __post_init__(self) -> None:
        lengths = {key: len(value) for key, value in self.settings.items()}
        if len(set(lengths.values())) > 1:
            raise UserError(f"arch: settings of one length expected, got {lengths}")
        if isinstance(self.norm_after_stage, tuple) and len(self.norm_after_stage) != self.num_outputs:
            raise UserError(f"norm_after_stage={self.norm_after_stage!r}; expected {self.num_outputs} of them")
        super().__post_init__()

    @property
    def own_init(self) -> tuple[Config, ...]:
        """Initial values where `init_cfg` gives none."""
        return _INIT if self.init_cfg is None else ()

    @property
    def settings(self) -> Config:
        """Of the architecture."""
        return settings_of(self.arch, self.architectures)

    @property
    def num_outputs(self) -> int:
        return len(self.settings["depths"])

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with dropout and stochastic depth."""
        after = self.norm_after_stage
        outputs = []
        for index in range(self.num_outputs):
            x = nn.Dropout(self.drop_rate)(self._patch_embed(index)(x, train), deterministic=not train)
            x = self._stage(x, index, train)
            if after[index] if isinstance(after, tuple) else after:
                x = build_norm(self.norm_cfg, f"norm_after_stage{index}")(x, train)
            if index in self.returned:
                outputs.append(x)
        return tuple(outputs)

    def _patch_embed(self, index: int) -> PatchEmbed:
        return PatchEmbed(
            embed_dims=self.settings["embed_dims"][index],
            kernel_size=self.settings["patch_sizes"][index],
            stride=self.settings["strides"][index],
            norm_cfg=LN,
            name=f"patch_embeds.{index}",
        )

    def _stage(self, x: Array, index: int, train: bool) -> Array:
        settings = {key: value[index] for key, value in self.settings.items()}
        rates = drop_path_rates(self.drop_path_rate, self.settings["depths"])[index]
        layer = self.checkpointed(TwinsLayer, train)
        for i in range(settings["depths"]):
            x = layer(
                settings["num_heads"],
                settings["mlp_ratios"] * x.shape[-1],
                settings["sr_ratios"],
                settings.get("window_sizes") if i % 2 == 0 else None,
                self.drop_rate,
                self.attn_drop_rate,
                rates[i],
                self.qkv_bias,
                self.norm_cfg,
                name=f"stages.{index}.{i}",
            )(x, train)
            if i == 0:
                # nine taps reach a place
                kernel_init = normal(std=math.sqrt(2 / 9)) if self.init_cfg is None else None
                x = ConditionalPositionEncoding(kernel_init, name=f"position_encodings.{index}")(x)
        return x


class SVT(PCPVT):
    """As `PCPVT`, with attention within windows in every second layer, the first among them.

    `arch` is s(mall), b(ase), l(arge), or a dict as there, with window_sizes.
    """

    architectures: ClassVar[Mapping[str, Config]] = _SVT
