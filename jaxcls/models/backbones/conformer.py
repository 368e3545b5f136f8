"""Conformer (Peng et al. 2021, arXiv:2105.03889); mmcls/models/backbones/conformer.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.backbones.base import Backbone, Config, architectures, settings_of
from jaxcls.models.backbones.layout import Layout
from jaxcls.models.backbones.vision_transformer import TransformerEncoderLayer
from jaxcls.models.layers import (
    BatchNorm,
    Conv,
    DropPath,
    LayerNorm,
    avg_pool,
    build_activation,
    drop_path_rates,
    global_avg_pool,
    max_pool,
    residual,
)
from jaxcls.models.layers.initializers import constant, kaiming, trunc_normal

# table 1 of the paper
_ARCHITECTURES = architectures(
    ("embed_dims", "channel_ratio", "num_heads", "depths"),
    {
        ("t", "tiny"): (384, 1, 6, 12),
        ("s", "small"): (384, 4, 6, 12),
        ("b", "base"): (576, 6, 9, 12),
    },
)
_EPS = 1e-6
_EXPANSION = 4
_LN: Config = nn.FrozenDict({"type": "LN", "eps": _EPS})


def _conv(
    features: int,
    kernel_size: int,
    name: str,
    stride: int = 1,
    padding: int = 0,
    groups: int = 1,
    use_bias: bool = False,
) -> Conv:
    window = (kernel_size, stride, padding, 1, groups)
    return Conv(features, *window, use_bias=use_bias, kernel_init=kaiming(), name=name)


class ConvBlock(nn.Module):
    """A bottleneck: maps (N, H, W, C) -> (N, H', W', out_channels) and what is within, (N, H', W', out_channels / 4).

    Attributes:
        stride: of the 3x3 convolution and the shortcut.
        groups: of the 3x3 convolution.
        drop_path: probability of dropping the branch for a sample.
        with_residual_conv: a convolution and norm in the shortcut.
    """

    out_channels: int
    stride: int = 1
    groups: int = 1
    drop_path: float = 0.0
    with_residual_conv: bool = False

    @nn.compact
    def __call__(self, x: Array, train: bool = False, fused: Array | None = None) -> tuple[Array, Array]:
        """`fused` (N, H, W, out_channels / 4) is added before the 3x3 convolution."""
        width = self.out_channels // _EXPANSION
        y = nn.relu(BatchNorm(_EPS, name="bn1")(_conv(width, 1, "conv1")(x), train))
        y = y if fused is None else y + fused
        y = _conv(width, 3, "conv2", stride=self.stride, padding=1, groups=self.groups)(y)
        within = nn.relu(BatchNorm(_EPS, name="bn2")(y, train))
        y = _conv(self.out_channels, 1, "conv3")(within)
        y = BatchNorm(_EPS, scale_init=constant(0.0), name="bn3")(y, train)
        if self.with_residual_conv:
            x = _conv(self.out_channels, 1, "residual_conv", stride=self.stride)(x)
            x = BatchNorm(_EPS, name="residual_bn")(x, train)
        return nn.relu(residual(x, DropPath(self.drop_path)(y, train))), within


class FCUDown(nn.Module):
    """Maps (N, H, W, C) -> tokens (N, H * W / stride ** 2, width), normed and activated."""

    width: int
    stride: int

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train` reaches the norm."""
        x = avg_pool(x, self.stride)  # before the 1x1 convolution, which is the same and cheaper
        x = _conv(self.width, 1, "conv_project", use_bias=True)(x).reshape(x.shape[0], -1, self.width)
        return build_activation({"type": "GELU"})(LayerNorm(_EPS, name="ln")(x, train))


class FCUUp(nn.Module):
    """Tokens (N, H * W, D) -> maps (N, H * stride, W * stride, width), each token a square."""

    width: int
    stride: int

    @nn.compact
    def __call__(self, x: Array, size: tuple[int, int], train: bool = False) -> Array:
        """`size`: (H, W)."""
        x = _conv(self.width, 1, "conv_project", use_bias=True)(x.reshape(x.shape[0], *size, -1))
        x = nn.relu(BatchNorm(_EPS, name="bn")(x, train))
        return x.repeat(self.stride, 1).repeat(self.stride, 2)


class ConvTransBlock(nn.Module):
    """Maps (N, H, W, C) and tokens (N, L, D) -> both, each having seen the other.

    Attributes:
        out_channels: of the maps.
        stride: of the first convolution block.
        down_stride: places of a map down and across that a token stands for.
        with_residual_conv: see `ConvBlock`.
        last_fusion: maps are halved at the end.
        num_heads: of the attention.
        mlp_ratio: width within the feed-forward part over D.
        qkv_bias: whether query, key and value have a bias.
        with_cls_token: the first token belongs to no place.
        drop_path_rate: probability of dropping a part for a sample.
    """

    out_channels: int
    stride: int
    down_stride: int
    with_residual_conv: bool
    last_fusion: bool
    num_heads: int
    mlp_ratio: float
    qkv_bias: bool
    with_cls_token: bool
    drop_path_rate: float

    @nn.compact
    def __call__(self, x: Array, tokens: Array, train: bool = False) -> tuple[Array, Array]:
        """`train`: with batch statistics and stochastic depth."""
        first, width = int(self.with_cls_token), tokens.shape[-1]
        block = ConvBlock(self.out_channels, self.stride, with_residual_conv=self.with_residual_conv, name="cnn_block")
        x, within = block(x, train)
        squeezed = FCUDown(width, self.down_stride, name="squeeze_block")(within, train)
        squeezed = jnp.concatenate([tokens[:, :first], squeezed], axis=1)
        tokens = encoder_layer(
            width, self.num_heads, self.mlp_ratio, self.qkv_bias, self.drop_path_rate, "trans_block"
        )(squeezed + tokens, train)
        size = (within.shape[1] // self.down_stride, within.shape[2] // self.down_stride)
        expand = FCUUp(self.out_channels // _EXPANSION, self.down_stride, name="expand_block")
        fused = expand(tokens[:, first:], size, train)
        stride, has_conv = (2, True) if self.last_fusion else (1, False)
        fusion = ConvBlock(self.out_channels, stride, 1, self.drop_path_rate, has_conv, name="fusion_block")
        return fusion(x, train, fused)[0], tokens


def encoder_layer(
    width: int, num_heads: int, mlp_ratio: float, qkv_bias: bool, drop_path_rate: float, name: str
) -> TransformerEncoderLayer:
    """A layer for tokens of that width."""
    return TransformerEncoderLayer(
        num_heads,
        int(width * mlp_ratio),
        drop_path_rate=drop_path_rate,
        qkv_bias=qkv_bias,
        norm_cfg=_LN,
        xavier_ffn=False,
        name=name,
    )


class _Place(NamedTuple):
    """Where a block is: its number from 2, its stage from 0, and whether it is the first of it."""

    number: int
    stage: int
    is_first: bool


class Conformer(Backbone):
    """Images (N, H, W, 3) -> for each of `out_indices` (the map's mean (N, C), the class token (N, embed_dims)).

    Attributes:
        arch: t(iny), s(mall), b(ase), or a dict of embed_dims, channel_ratio, num_heads, depths.
        patch_size: pixels down and across that a token stands for, a multiple of 16.
        base_channels: of the maps of the first stage, times channel_ratio.
        mlp_ratio: width within the feed-forward parts over that around them.
        qkv_bias: whether query, key and value have a bias.
        with_cls_token: there is a class token; else its output is the tokens' mean.
        drop_path_rate: the last block's stochastic depth; it grows linearly from 0.
        norm_eval: without effect, as in the original.
        frozen_stages: the original freezes none; 0 or -1.
        out_indices: the blocks to return, from 2 to depths, negative ones from the end.
        with_cp: activations of a block are computed again in the backward pass, to save memory.

    Raises:
        UserError: an architecture or block that is not there, or stages to freeze.
    """

    arch: str | Config = "tiny"
    patch_size: int = 16
    base_channels: int = 64
    mlp_ratio: float = 4.0
    qkv_bias: bool = True
    with_cls_token: bool = True
    drop_path_rate: float = 0.0
    norm_eval: bool = True
    frozen_stages: int = 0
    out_indices: int | tuple[int, ...] = -1
    with_cp: bool = False
    init_cfg: Any = None

    own_init: ClassVar[tuple[Config, ...]] = (  # convolutions' kernels have their own too, but not their biases
        {"type": "TruncNormal", "layer": "Linear", "std": 0.02},
        {"type": "Constant", "layer": ["LayerNorm", "BatchNorm2d"], "val": 1.0},
    )
    layout: ClassVar[Layout] = Layout(
        stem=("conv1", "bn1", "conv_1", "trans_patch_conv", "trans_1", "cls_token"),
        blocks=("conv_trans_{stage}",),
        rest=("trans_norm",),
        first=2,
    )

    def __post_init__(self) -> None:
        if self.patch_size % 16:
            raise UserError(f"patch_size={self.patch_size}; expected a multiple of 16")
        if self.settings["depths"] % 3:
            raise UserError(f"arch: depths={self.settings['depths']}; expected a multiple of 3")
        if min(self.returned) < 2:
            raise UserError(f"out_indices={self.out_indices!r}; allowed: 2 to {self.num_outputs - 1}")
        super().__post_init__()

    @property
    def settings(self) -> Config:
        """Of the architecture."""
        return settings_of(self.arch, _ARCHITECTURES)

    @property
    def num_outputs(self) -> int:
        return self.settings["depths"] + 1  # blocks are counted from 1

    @property
    def num_stages_to_freeze(self) -> int:
        return 0

    @property
    def frozen_through(self) -> int:
        return -1

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Any, ...]:
        """`train`: with batch statistics and stochastic depth."""
        x, tokens = self._stem(x, train)
        norm = LayerNorm(name="trans_norm")
        outputs = []
        for place in self._places():
            x, tokens = self._block(place, train)(x, tokens, train)
            if place.number in self.returned:
                normed = norm(tokens, train)
                mean = jnp.mean(normed, 1, dtype=jnp.float32).astype(normed.dtype)
                outputs.append((global_avg_pool(x), normed[:, 0] if self.with_cls_token else mean))
        return tuple(outputs)

    def _places(self) -> Iterator[_Place]:
        for number in range(2, self.settings["depths"] + 1):
            stage, block = divmod(number - 1, self.settings["depths"] // 3)
            yield _Place(number, stage, stage > 0 and block == 0)

    def _stem(self, x: Array, train: bool) -> tuple[Array, Array]:
        """Images -> maps (N, H / 4, W / 4, C), padded to whole tokens, and tokens (N, L, D)."""
        width, stride = self.settings["embed_dims"], self.patch_size // 4
        x = max_pool(nn.relu(BatchNorm(name="bn1")(_conv(64, 7, "conv1", stride=2, padding=3)(x), train)), 3, 2, 1)
        x = jnp.pad(x, ((0, 0), (0, -x.shape[1] % stride), (0, -x.shape[2] % stride), (0, 0)))
        tokens = _conv(width, stride, "trans_patch_conv", use_bias=True, stride=stride)(x).reshape(
            x.shape[0], -1, width
        )
        if self.with_cls_token:
            cls_token = self.param("cls_token", trunc_normal(std=0.02), (1, 1, width), jnp.float32).astype(x.dtype)
            tokens = jnp.concatenate([jnp.broadcast_to(cls_token, (x.shape[0], 1, width)), tokens], axis=1)
        x, _ = ConvBlock(self._channels(0), with_residual_conv=True, name="conv_1")(x, train)
        layer = encoder_layer(width, self.settings["num_heads"], self.mlp_ratio, self.qkv_bias, 0.0, "trans_1")
        return x, layer(tokens, train)

    def _channels(self, stage: int) -> int:
        return int(self.base_channels * self.settings["channel_ratio"] * 2**stage)

    def _block(self, place: _Place, train: bool) -> ConvTransBlock:
        depth = self.settings["depths"]
        return self.checkpointed(ConvTransBlock, train, arrays=2)(
            self._channels(place.stage),
            2 if place.is_first else 1,
            self.patch_size // 4 // 2**place.stage,
            place.is_first,
            place.number == depth,
            self.settings["num_heads"],
            self.mlp_ratio,
            self.qkv_bias,
            self.with_cls_token,
            drop_path_rates(self.drop_path_rate, [depth])[0][place.number - 1],
            name=f"conv_trans_{place.number}",
        )
