"""Tokens-to-Token Vision Transformer (Yuan et al. 2021, arXiv:2101.11986); mmcls/models/backbones/t2t_vit.py."""

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
from jaxcls.models.backbones.base import Backbone, Config
from jaxcls.models.backbones.layout import Layout
from jaxcls.models.layers import (
    FFN,
    GELU,
    LN,
    DropPath,
    Linear,
    MultiheadAttention,
    build_norm,
    drop_path_rates,
    for_each,
    norm_name,
    override,
    pair,
    residual,
    resize_pos_embed,
    unfold,
)
from jaxcls.models.layers.conv2d import Window
from jaxcls.models.layers.initializers import trunc_normal


def _norm(norm_cfg: Config, index: int) -> nn.Module:
    return build_norm(norm_cfg, norm_name(norm_cfg, index))


class T2TTransformerLayer(nn.Module):
    """Attention and feed-forward, each after a norm and beside a shortcut: (N, L, D) -> (N, L, embed_dims).

    Attributes:
        num_heads: of the attention, a divisor of `embed_dims`.
        feedforward_channels: width within the feed-forward part.
        embed_dims: width of the output; None: D.
        input_dims: D, where it is another: the values are the attention's shortcut then.
        drop_rate: dropout rate of both parts.
        attn_drop_rate: dropout rate of the attention weights.
        drop_path_rate: probability of dropping a part for a sample.
        num_fcs: layers of the feed-forward part.
        qkv_bias: whether query, key and value have a bias.
        qk_scale: a factor on the logits in place of 1 / sqrt(D / num_heads).
    """

    num_heads: int
    feedforward_channels: int
    embed_dims: int | None = None
    input_dims: int | None = None
    drop_rate: float = 0.0
    attn_drop_rate: float = 0.0
    drop_path_rate: float = 0.0
    num_fcs: int = 2
    qkv_bias: bool = False
    qk_scale: float | None = None
    act_cfg: Config = GELU
    norm_cfg: Config = LN
    init_cfg: Any = None

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with dropout and stochastic depth."""
        is_wider, drop_path = self.input_dims is not None, DropPath(self.drop_path_rate)
        attn = MultiheadAttention(
            self.num_heads,
            self.attn_drop_rate,
            self.drop_rate,
            self.qkv_bias,
            self.qk_scale or (x.shape[-1] // self.num_heads) ** -0.5,  # of the input's width, as in the paper's code
            self.embed_dims,
            v_shortcut=is_wider,
            name="attn",
        )
        ffn = FFN(self.feedforward_channels, self.num_fcs, self.act_cfg, self.drop_rate, name="ffn")
        y = attn(_norm(self.norm_cfg, 1)(x, train), train)
        x = y if is_wider else residual(x, drop_path(y, train))
        return residual(x, drop_path(ffn(_norm(self.norm_cfg, 2)(x, train), train), train))


class T2TModule(nn.Module):
    """Images (N, H, W, C) -> tokens (N, H / 16, W / 16, embed_dims): windows that overlap become tokens, three times.

    Attributes:
        embed_dims: width of the tokens.
        token_dims: width between.
        use_performer: attention in linear time; the original has none of it.

    Raises:
        UserError: `use_performer`.
    """

    embed_dims: int = 384
    token_dims: int = 64
    use_performer: bool = False
    init_cfg: Any = None

    def __post_init__(self) -> None:
        if self.use_performer:
            raise UserError("use_performer=True: Performer attention is not there, nor in the original")
        super().__post_init__()

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train` reaches the layers between."""
        x = _split(x, 7, 4, 2)
        for step in (1, 2):
            n, *size, width = x.shape
            layer = T2TTransformerLayer(1, self.token_dims, self.token_dims, input_dims=width, name=f"attention{step}")
            x = layer(x.reshape(n, -1, width), train).reshape(n, *size, self.token_dims)
            x = _split(x, 3, 2, 1)
        return Linear(self.embed_dims, name="project")(x)


def _split(x: Array, kernel: int, stride: int, padding: int) -> Array:
    return unfold(x, (kernel, kernel), Window((stride, stride), ((padding, padding), (padding, padding)), (1, 1)))


@functools.cache
def sinusoid_encoding(length: int, width: int) -> np.ndarray:
    """(1, length, width): sines and cosines of a token's number, in turn, of falling frequencies."""
    channel = np.arange(width)
    phase = np.arange(length)[:, None] * 10000.0 ** -((channel - channel % 2) / width)
    return np.where(channel % 2 == 0, np.sin(phase), np.cos(phase)).astype(np.float32)[None]


class T2T_ViT(Backbone):
    """Images (N, H, W, C) -> for each of `out_indices` (patches (N, H', W', D), class token (N, D)), or patches alone.

    The position embedding is computed, for `img_size`, and resized for images of another size: with weights of
    another size give the size that they are of.

    Attributes:
        img_size: of square images, in pixels, that the position embedding is for.
        embed_dims: D.
        num_layers: after the tokens are made.
        out_indices: the layers to return, from 0, negative ones from the end.
        drop_rate: dropout rate after the position embedding.
        drop_path_rate: the last layer's stochastic depth; it grows linearly from 0.
        norm_cfg: of the layers after the tokens are made, and the last norm.
        final_norm: a norm after the last layer.
        with_cls_token: whether the layers see the class token.
        output_cls_token: the class token is returned too.
        interpolate_mode: how the position embedding is resized.
        t2t_cfg: arguments of `T2TModule` that differ.
        layer_cfgs: arguments of `T2TTransformerLayer` that differ; a dict, or one for each layer.
        with_cp: activations of such a layer are computed again in the backward pass, to save memory.

    Raises:
        UserError: a layer or an argument that is not there.
    """

    img_size: int | tuple[int, int] = 224
    in_channels: int = 3
    embed_dims: int = 384
    num_layers: int = 14
    out_indices: int | tuple[int, ...] = -1
    drop_rate: float = 0.0
    drop_path_rate: float = 0.0
    norm_cfg: Config = LN
    final_norm: bool = True
    with_cls_token: bool = True
    output_cls_token: bool = True
    interpolate_mode: str = "bicubic"
    t2t_cfg: Config = nn.FrozenDict()
    layer_cfgs: Config | tuple[Config, ...] = nn.FrozenDict()
    with_cp: bool = False
    init_cfg: Any = None

    layout: ClassVar[Layout] = Layout(
        stem=("tokens_to_token", "cls_token"), blocks=("encoder.{stage}",), rest=("norm",), first=0
    )

    def __post_init__(self) -> None:
        if self.output_cls_token and not self.with_cls_token:
            raise UserError("output_cls_token=True needs with_cls_token=True")
        override(T2TModule, self.t2t_cfg, "t2t_cfg", parent=None)  # says what is wrong in it
        super().__post_init__()

    @property
    def num_outputs(self) -> int:
        return self.num_layers

    @property
    def _grid(self) -> tuple[int, int]:
        """Patches down and across that the position embedding is for."""
        height, width = pair(self.img_size)
        return height // 16, width // 16

    @property
    def computed(self) -> Mapping[str, tuple[int, ...]]:
        """The position embedding."""
        return {"pos_embed": (1, 1 + math.prod(self._grid), self.embed_dims)}

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Any, ...]:
        """`train`: with dropout and stochastic depth."""
        x = override(T2TModule, self.t2t_cfg, "t2t_cfg", embed_dims=self.embed_dims, name="tokens_to_token")(x, train)
        height, width = x.shape[1:3]
        x = self._tokens(x, train)
        outputs = []
        for index in range(self.num_layers):
            x = self._layer(index, train)(x, train)
            if index == self.num_layers - 1 and self.final_norm:
                x = build_norm(self.norm_cfg, "norm")(x, train)
            if index in self.returned:
                patches = (x[:, 1:] if self.with_cls_token else x).reshape(x.shape[0], height, width, -1)
                outputs.append((patches, x[:, 0]) if self.output_cls_token else patches)
        return tuple(outputs)

    def _tokens(self, patches: Array, train: bool) -> Array:
        """Patches (N, H', W', D) -> (N, L, D): the class token, where it is on, and they, positions added."""
        n, *size, width = patches.shape
        cls_token = self.param("cls_token", trunc_normal(std=0.02), (1, 1, width), jnp.float32).astype(patches.dtype)
        x = jnp.concatenate([jnp.broadcast_to(cls_token, (n, 1, width)), patches.reshape(n, -1, width)], axis=1)
        rows, columns = self._grid
        pos_embed = jnp.asarray(sinusoid_encoding(1 + rows * columns, width))
        x = x + resize_pos_embed(pos_embed, (rows, columns), size, self.interpolate_mode).astype(x.dtype)
        x = nn.Dropout(self.drop_rate)(x, deterministic=not train)
        return x if self.with_cls_token else x[:, 1:]

    def _layer(self, index: int, train: bool) -> T2TTransformerLayer:
        return override(
            self.checkpointed(T2TTransformerLayer, train),
            for_each(self.layer_cfgs, self.num_layers, "layer_cfgs")[index],
            "layer_cfgs",
            num_heads=6,
            feedforward_channels=3 * self.embed_dims,
            drop_path_rate=drop_path_rates(self.drop_path_rate, [self.num_layers])[0][index],
            norm_cfg=self.norm_cfg,
            name=f"encoder.{index}",
        )
