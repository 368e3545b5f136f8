"""DaViT (Ding et al. 2022, arXiv:2204.03645); mmpretrain/models/backbones/davit.py."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.backbones.base import Backbone, Config, architectures, settings_of
from jaxcls.models.backbones.layout import Layout
from jaxcls.models.layers import (
    FFN,
    LN,
    Conv,
    DropPath,
    Linear,
    PatchEmbed,
    ShiftWindowMSA,
    build_conv,
    build_norm,
    channel_attention,
    drop_path_rates,
    for_each,
    global_avg_pool,
    override,
    padding_of,
    pair,
    residual,
)
from jaxcls.models.layers.attention import split_heads
from jaxcls.models.layers.window_attention import WindowAttention

# section 4 and appendix of the paper
_ARCHITECTURES = architectures(
    ("embed_dims", "depths", "num_heads"),
    {
        ("t", "tiny"): (96, (1, 1, 3, 1), (3, 6, 12, 24)),
        ("s", "small"): (96, (1, 1, 9, 1), (3, 6, 12, 24)),
        ("b", "base"): (128, (1, 1, 9, 1), (4, 8, 16, 32)),
        ("l", "large"): (192, (1, 1, 9, 1), (6, 12, 24, 48)),
        ("h", "huge"): (256, (1, 1, 9, 1), (8, 16, 32, 64)),
        ("g", "giant"): (384, (1, 1, 12, 3), (12, 24, 48, 96)),
    },
)


class DaViTWindowMSA(WindowAttention):
    """Attention within a window, without a bias for positions."""

    def heads(self, x: Array) -> tuple[Array, Array, Array, float | Array | None]:
        """As they are projected."""
        qkv = Linear(3 * x.shape[-1], use_bias=self.qkv_bias, name="qkv")(x)
        return *split_heads(qkv, self.num_heads), self.qk_scale

    def position_bias(self) -> None:
        """There is none."""


class ConvPosEnc(nn.Module):
    """A 3x3 convolution of each channel, added to the input: (N, H, W, C) -> same."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        return residual(x, Conv(x.shape[-1], 3, padding=1, groups=x.shape[-1], name="proj")(x))


class ChannelAttention(nn.Module):
    """Attention among each head's channels, weighed by keys and values: (N, H, W, C) -> same."""

    num_heads: int
    qkv_bias: bool = False

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """In the dtype of `x`."""
        tokens = x.reshape(x.shape[0], -1, x.shape[-1])
        qkv = Linear(3 * x.shape[-1], use_bias=self.qkv_bias, name="qkv")(tokens)
        query, key, value = split_heads(qkv, self.num_heads)
        y = channel_attention(key, value, query, scale=query.shape[-1] ** -0.5)
        return Linear(x.shape[-1], name="proj")(y.reshape(x.shape))


class _Block(nn.Module):
    """What the two kinds of blocks share.

    Attributes:
        num_heads: of the attention, a divisor of C.
        ffn_ratio: width within the feed-forward part, to C.
        qkv_bias: whether query, key and value have a bias.
        drop_path: probability of dropping the feed-forward part, and attention within windows, for a sample.
        ffn_cfgs: arguments of `FFN` that differ.
    """

    num_heads: int
    ffn_ratio: float = 4.0
    qkv_bias: bool = True
    drop_path: float = 0.0
    ffn_cfgs: Config = nn.FrozenDict()
    norm_cfg: Config = LN

    def attend(self, x: Array, train: bool) -> Array:
        """(N, H, W, C) -> same."""
        raise NotImplementedError

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with dropout and stochastic depth."""
        x = ConvPosEnc(name="cpe1")(x)
        x = residual(x, self.attend(build_norm(self.norm_cfg, "norm1")(x, train), train))
        x = ConvPosEnc(name="cpe2")(x)
        width = int(x.shape[-1] * self.ffn_ratio)
        ffn = override(FFN, self.ffn_cfgs, "ffn_cfgs", feedforward_channels=width, name="ffn")
        return residual(x, DropPath(self.drop_path)(ffn(build_norm(self.norm_cfg, "norm2")(x, train), train), train))


class SpatialBlock(_Block):
    """Attention within windows and a feed-forward part, each after a convolution and a norm: (N, H, W, C) -> same.

    Attributes:
        window_size: places down and across.
        pad_small_map: see `ShiftWindowMSA`.
        attn_cfgs: arguments of `ShiftWindowMSA` that differ.
    """

    window_size: int = 7
    pad_small_map: bool = False
    attn_cfgs: Config = nn.FrozenDict()

    def attend(self, x: Array, train: bool) -> Array:
        """Within windows."""
        attn = override(
            ShiftWindowMSA,
            self.attn_cfgs,
            "attn_cfgs",
            num_heads=self.num_heads,
            window_size=self.window_size,
            pad_small_map=self.pad_small_map,
            qkv_bias=self.qkv_bias,
            window_msa=DaViTWindowMSA,
            name="attn",
        )
        return DropPath(self.drop_path)(attn(x, train), train)


class ChannelBlock(_Block):
    """As `SpatialBlock`, with attention among channels, which is never dropped."""

    def attend(self, x: Array, train: bool) -> Array:
        """Among channels."""
        return ChannelAttention(self.num_heads, self.qkv_bias, name="attn")(x)


class DaViTBlock(nn.Module):
    """A `SpatialBlock` and a `ChannelBlock`: (N, H, W, C) -> same.

    Attributes:
        with_cp: activations of the first are computed again in the backward pass.
    """

    num_heads: int
    window_size: int = 7
    ffn_ratio: float = 4.0
    qkv_bias: bool = True
    drop_path: float = 0.0
    pad_small_map: bool = False
    attn_cfgs: Config = nn.FrozenDict()
    ffn_cfgs: Config = nn.FrozenDict()
    norm_cfg: Config = LN
    with_cp: bool = False
    init_cfg: Any = None

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with dropout and stochastic depth."""
        common = (self.num_heads, self.ffn_ratio, self.qkv_bias, self.drop_path, self.ffn_cfgs, self.norm_cfg)
        own = (self.window_size, self.pad_small_map, self.attn_cfgs)
        spatial = nn.remat(SpatialBlock, static_argnums=(2,)) if train and self.with_cp else SpatialBlock
        x = spatial(*common, *own, name="spatial_block")(x, train)
        return ChannelBlock(*common, name="channel_block")(x, train)


class DaViTDownSample(nn.Module):
    """A norm and a convolution: (N, H, W, C) -> (N, H / 2, W / 2, out_channels).

    As in the original, `same` and `corner` pad nothing: maps that would need it are refused.

    Raises:
        UserError: a map with an odd number of places.
    """

    out_channels: int
    in_channels: int | None = None  # a config may give it; the layers take what comes
    conv_type: str = "Conv2d"
    kernel_size: int | tuple[int, int] = 2
    stride: int | tuple[int, int] | None = 2
    padding: int | tuple[int, int] | str = "same"
    dilation: int | tuple[int, int] = 1
    bias: bool = True
    norm_cfg: Config = LN
    init_cfg: Any = None

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train` reaches the norm."""
        stride = self.kernel_size if self.stride is None else self.stride
        window, padding = (self.kernel_size, stride), self.padding
        if isinstance(padding, str):
            places = (x.shape[1] * x.shape[2], x.shape[3])
            if np.any(padding_of(padding, places, *window, self.dilation)):
                size = f"{x.shape[1]}x{x.shape[2]}"
                raise UserError(f"DaViT: a feature map of {size} cannot be halved; take images of other sizes")
            padding = 0
        x = build_norm(self.norm_cfg, "norm")(x, train)
        arguments = (self.out_channels, *map(pair, (*window, padding, self.dilation)))
        return build_conv({"type": self.conv_type}, *arguments, use_bias=self.bias, name="projection")(x)


class DaViTBlockSequence(nn.Module):
    """A stage: (N, H, W, C) -> its blocks' output, same, and that halved, (N, H / 2, W / 2, 2 * C).

    Attributes:
        depth: how many blocks.
        downsample: the map is halved at the end; else the outputs are the same.
        downsample_cfg: arguments of `DaViTDownSample` that differ.
        drop_paths: a rate for each block, or one for all.
        block_cfgs: arguments of `DaViTBlock` that differ; a dict, or one for each block.
    """

    depth: int
    num_heads: int
    window_size: int = 7
    ffn_ratio: float = 4.0
    qkv_bias: bool = True
    downsample: bool = False
    downsample_cfg: Config = nn.FrozenDict()
    drop_paths: float | tuple[float, ...] = 0.0
    block_cfgs: Config | tuple[Config, ...] = nn.FrozenDict()
    with_cp: bool = False
    pad_small_map: bool = False
    init_cfg: Any = None

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, Array]:
        """`train`: with dropout and stochastic depth."""
        drop_paths = np.broadcast_to(self.drop_paths, self.depth)
        names = ("num_heads", "window_size", "ffn_ratio", "qkv_bias", "with_cp", "pad_small_map")
        own = {name: getattr(self, name) for name in names}
        for i, config in enumerate(for_each(self.block_cfgs, self.depth, "block_cfgs")):
            rate = float(drop_paths[i])
            x = override(DaViTBlock, config, "block_cfgs", **own, drop_path=rate, name=f"blocks.{i}")(x, train)
        if not self.downsample:
            return x, x
        width, config = 2 * x.shape[-1], self.downsample_cfg
        halve = override(DaViTDownSample, config, "downsample_cfg", out_channels=width, name="downsample")
        return x, halve(x, train)


class DaViT(Backbone):
    """Images (N, H, W, C) -> a tuple of stages' outputs, (N, H / 4, W / 4, embed_dims) the first of them, each normed.

    Maps must have an even number of places before they are halved.

    Attributes:
        arch: t(iny), s(mall), b(ase), l(arge), h(uge), g(iant), or a dict of embed_dims, depths and num_heads.
        patch_size: stride of the first convolution, which is 7x7.
        window_size: places down and across.
        ffn_ratio: width within the feed-forward parts, to that around them.
        qkv_bias: whether query, key and value have a bias.
        drop_path_rate: the last block's stochastic depth; it grows linearly from 0.
        out_after_downsample: outputs are taken after the map was halved.
        pad_small_map: see `ShiftWindowMSA`.
        norm_cfg: of the outputs' norms; None: outputs as they are.
        gap_before_final_norm: outputs are averaged over the positions before they are normed, (N, C).
        patch_cfg: arguments of `PatchEmbed` that differ.
        stage_cfgs: arguments of a stage that differ; a dict, or one for each stage.
        frozen_stages: the patch embedding and the stages up to this one (from 0) are not trained; -1: none.
        norm_eval: without effect, as layer norms have no running statistics.
        out_indices: the stages to return, from 0.
        with_cp: activations of attention within windows and what goes with it are computed again.

    Raises:
        UserError: an architecture, a stage or an argument that is not there.
    """

    arch: str | Config = "t"
    patch_size: int = 4
    in_channels: int = 3  # the original's configs give it; the layers take what comes
    window_size: int = 7
    ffn_ratio: float = 4.0
    qkv_bias: bool = True
    drop_path_rate: float = 0.1
    out_after_downsample: bool = False
    pad_small_map: bool = False
    norm_cfg: Config | None = LN
    gap_before_final_norm: bool = False
    patch_cfg: Config = nn.FrozenDict()
    stage_cfgs: Config | tuple[Config, ...] = nn.FrozenDict()
    frozen_stages: int = -1
    norm_eval: bool = False
    out_indices: int | tuple[int, ...] = (3,)
    with_cp: bool = False
    init_cfg: Any = None

    freezes_first_stage_with_stem: ClassVar[bool] = True
    layout: ClassVar[Layout] = Layout(
        stem=("patch_embed",),
        blocks=("stages.{stage}.blocks.{block}",),
        after=("stages.{stage}.downsample",),
        norms=("norm{stage}",),
        first=0,
    )

    @property
    def settings(self) -> Config:
        """Of the architecture."""
        return settings_of(self.arch, _ARCHITECTURES)

    @property
    def num_outputs(self) -> int:
        return len(self.settings["depths"])

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with dropout and stochastic depth, but for what is frozen."""
        embed = override(
            PatchEmbed,
            self.patch_cfg,
            "patch_cfg",
            embed_dims=self.settings["embed_dims"],
            kernel_size=7,
            stride=self.patch_size,
            padding="same",
            norm_cfg=LN,
            name="patch_embed",
        )
        x, outputs = embed(x, train), []
        for index in range(self.num_outputs):
            features, x = self._stage(index)(x, self.trains(index + 1, train))
            if index in self.returned:
                y = x if self.out_after_downsample else features
                y = global_avg_pool(y) if self.gap_before_final_norm else y
                outputs.append(y if self.norm_cfg is None else build_norm(self.norm_cfg, f"norm{index}")(y, train))
        return tuple(outputs)

    def _stage(self, index: int) -> DaViTBlockSequence:
        depths, names = self.settings["depths"], ("window_size", "ffn_ratio", "qkv_bias", "with_cp", "pad_small_map")
        return override(
            DaViTBlockSequence,
            for_each(self.stage_cfgs, len(depths), "stage_cfgs")[index],
            "stage_cfgs",
            depth=depths[index],
            num_heads=self.settings["num_heads"][index],
            downsample=index < len(depths) - 1,
            drop_paths=drop_path_rates(self.drop_path_rate, depths)[index],
            **{name: getattr(self, name) for name in names},
            name=f"stages.{index}",
        )
