"""XCiT (El-Nouby et al. 2021, arXiv:2106.09681); mmpretrain/models/backbones/xcit.py."""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.backbones.base import Backbone, Config
from jaxcls.models.backbones.layout import Layout
from jaxcls.models.layers import (
    BN,
    FFN,
    GELU,
    KAIMING,
    ChannelMultiheadAttention,
    ConvModule,
    DropPath,
    FourierPosition,
    Layers,
    Linear,
    attention,
    build_activation,
    build_norm,
    global_avg_pool,
    pair,
    residual,
)
from jaxcls.models.layers.attention import weight_dropout
from jaxcls.models.layers.initializers import constant, trunc_normal

_LN: Config = nn.FrozenDict({"type": "LN", "eps": 1e-6})
_INIT: Config = nn.FrozenDict({"type": "TruncNormal", "layer": "Linear"})
_OUT_TYPES = ("raw", "featmap", "avg_featmap", "cls_token")


class ConvPatchEmbed(nn.Module):
    """Convolutions of stride 2, each normed, activations between: images (N, H, W, C) -> (N, H', W', embed_dims).

    Attributes:
        patch_size: 8, three convolutions, or 16, four.
    """

    embed_dims: int
    patch_size: int = 16
    layers: Layers = Layers(act_cfg=GELU)

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics."""
        parts = (8, 4, 2, 1) if self.patch_size == 16 else (4, 2, 1)
        for i, part in enumerate(parts):
            layers = self.layers if part > 1 else self.layers.replace(act_cfg=None)
            window = (self.embed_dims // part, 3, 2, 1)
            x = ConvModule(*window, layers=layers, name=f"proj.{i}")(x, train)
        return x


class LPI(nn.Module):
    """Two 3x3 convolutions of each channel, an activation and a norm between: (N, H, W, C) -> same."""

    norm_cfg: Config = BN
    act_cfg: Config = GELU

    default_init: ClassVar[Config] = KAIMING

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics."""
        window: dict[str, Any] = {"padding": 1, "groups": x.shape[-1], "use_bias": True}
        bare = Layers(norm_cfg=None, act_cfg=None)
        y = bare.conv(x.shape[-1], 3, **window, name="conv1.conv")(x)
        y = build_norm(self.norm_cfg, "conv1.bn")(build_activation(self.act_cfg)(y), train)
        return bare.conv(x.shape[-1], 3, **window, name="conv2.conv")(y)


class ClassAttention(nn.Module):
    """What the class token, the first, draws from all (Touvron et al. 2021, arXiv:2103.17239): (N, L, D) -> (N, 1, D).

    Attributes:
        num_heads: a divisor of D.
        qkv_bias: whether query, key and value have a bias.
        attn_drop: dropout rate of the attention weights.
        proj_drop: dropout rate of the output.
    """

    num_heads: int
    qkv_bias: bool = False
    attn_drop: float = 0.0
    proj_drop: float = 0.0

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """Attends; `train`: with dropout."""
        n, _, width = x.shape
        query, key, value = (
            Linear(width, use_bias=self.qkv_bias, name=name)(tokens).reshape(
                n, -1, self.num_heads, width // self.num_heads
            )
            for name, tokens in (("q", x[:, :1]), ("k", x), ("v", x))
        )
        y = attention(query, key, value, dropout=weight_dropout(self.attn_drop, train))
        y = Linear(width, name="proj")(y.reshape(n, 1, width))
        return nn.Dropout(self.proj_drop)(y, deterministic=not train)


class _Block(nn.Module):
    """What the two kinds of blocks share.

    Attributes:
        num_heads: of the attention, a divisor of D.
        mlp_ratio: width within the feed-forward part, to that around it.
        qkv_bias: whether query, key and value have a bias.
        drop_rate: dropout rate of attention and feed-forward part.
        attn_drop_rate: dropout rate of the attention weights.
        drop_path_rate: probability of dropping a part for a sample.
        layer_scale_init_value: where the learnt factors on the parts start.
    """

    num_heads: int
    mlp_ratio: float = 4.0
    qkv_bias: bool = False
    drop_rate: float = 0.0
    attn_drop_rate: float = 0.0
    drop_path_rate: float = 0.0
    layer_scale_init_value: float = 1.0
    norm_cfg: Config = _LN
    act_cfg: Config = GELU

    def scaled(self, x: Array, name: str) -> Array:
        """Times a learnt factor a channel."""
        factor = self.param(name, constant(self.layer_scale_init_value), (x.shape[-1],), jnp.float32)
        return x * factor.astype(x.dtype)

    def norm(self, x: Array, name: str, train: bool) -> Array:
        """Normed."""
        return build_norm(self.norm_cfg, name)(x, train)

    def ffn(self, x: Array, train: bool) -> Array:
        """The feed-forward part."""
        return FFN(int(x.shape[-1] * self.mlp_ratio), act_cfg=self.act_cfg, ffn_drop=self.drop_rate, name="ffn")(
            x, train
        )


class XCABlock(_Block):
    """Attention among channels, convolutions and feed-forward, each after a norm: (N, H, W, D) -> same.

    Attributes:
        bn_norm_cfg: the norm among the convolutions.
    """

    bn_norm_cfg: Config = BN

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics, dropout and stochastic depth."""
        drop_path = DropPath(self.drop_path_rate)
        attend = ChannelMultiheadAttention(
            self.num_heads, self.attn_drop_rate, self.drop_rate, self.qkv_bias, name="attn"
        )
        tokens = self.norm(x, "norm1", train).reshape(x.shape[0], -1, x.shape[-1])
        x = residual(x, drop_path(self.scaled(attend(tokens, train).reshape(x.shape), "gamma1"), train))
        y = LPI(self.bn_norm_cfg, self.act_cfg, name="local_mp")(self.norm(x, "norm3", train), train)
        x = residual(x, drop_path(self.scaled(y, "gamma3"), train))
        y = self.ffn(self.norm(x, "norm2", train), train)
        return residual(x, drop_path(self.scaled(y, "gamma2"), train))


class ClassAttentionBlock(_Block):
    """The class token attends to all and goes through the feed-forward part: (N, L, D) -> same.

    As in the original, the others are doubled by it, and there are no learnt factors where they would start at 0.

    Attributes:
        tokens_norm: whether the second norm is for all tokens or for the class token alone.
    """

    tokens_norm: bool = False

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with dropout and stochastic depth."""
        drop_path = DropPath(self.drop_path_rate)
        scaled = self.scaled if self.layer_scale_init_value > 0 else lambda x, _: x
        attend = ClassAttention(self.num_heads, self.qkv_bias, self.attn_drop_rate, self.drop_rate, name="attn")
        y = self.norm(x, "norm1", train)
        y = jnp.concatenate([attend(y, train), y[:, 1:]], axis=1)
        x = residual(x, drop_path(scaled(y, "gamma1"), train))
        if self.tokens_norm:
            x = self.norm(x, "norm2", train)
        else:
            x = jnp.concatenate([self.norm(x[:, :1], "norm2", train), x[:, 1:]], axis=1)
        token = scaled(self.ffn(x[:, :1], train), "gamma2")
        return residual(x, drop_path(jnp.concatenate([token, x[:, 1:]], axis=1), train))


class XCiT(Backbone):
    """Images (N, H, W, C) -> a tuple of layers' outputs, of the form that `out_type` says.

    Attributes:
        img_size: height and width of the images, a multiple of `patch_size`; images of any other size will do.
        patch_size: 8 or 16.
        embed_dims: D.
        depth: layers whose attention is among channels.
        cls_attn_layers: layers after them, with a class token.
        num_heads: of all layers, a divisor of D.
        mlp_ratio: width within the feed-forward parts, to that around them.
        qkv_bias: whether query, key and value have a bias.
        drop_rate: dropout rate of the stem's output, attention and feed-forward parts.
        attn_drop_rate: dropout rate of the attention weights.
        drop_path_rate: probability of dropping a part of any of the first `depth` layers for a sample.
        use_pos_embed: positions are added to the stem's output.
        layer_scale_init_value: where the learnt factors on the parts start.
        tokens_norm: whether the last layers' second norm is for all tokens or for the class token alone.
        out_type: `cls_token` (N, D), which the last `cls_attn_layers` have; `featmap` (N, H', W', D) or `avg_featmap`
            (N, D) of the patches; or `raw` (N, L, D), the class token first where there is one.
        out_indices: the layers to return, from 0.
        final_norm: a norm after the last layer.
        frozen_stages: 0: the stem is as in evaluation and not trained; from 2 on one layer less than that too, the
            class token with the first layer of its own. As in the original, the last norm stays with the last layer
            but one, and trains if that is frozen too. -1: nothing is.
        with_cp: activations of a layer are computed again in the backward pass, to save memory.
        bn_norm_cfg: of the convolutions.
        norm_cfg: of all other norms.

    Raises:
        UserError: a size, layer or kind of output that is not there.
    """

    img_size: int | tuple[int, int] = 224
    patch_size: int = 16
    in_channels: int = 3  # the original's configs give it; the layers take what comes
    embed_dims: int = 768
    depth: int = 12
    cls_attn_layers: int = 2
    num_heads: int = 12
    mlp_ratio: float = 4.0
    qkv_bias: bool = True
    drop_rate: float = 0.0
    attn_drop_rate: float = 0.0
    drop_path_rate: float = 0.0
    use_pos_embed: bool = True
    layer_scale_init_value: float = 1.0
    tokens_norm: bool = False
    out_type: str = "cls_token"
    out_indices: int | tuple[int, ...] = (-1,)
    final_norm: bool = True
    frozen_stages: int = -1
    with_cp: bool = False
    bn_norm_cfg: Config = BN
    norm_cfg: Config = _LN
    act_cfg: Config = GELU
    init_cfg: Any = _INIT

    layout: ClassVar[Layout] = Layout(
        stem=("patch_embed", "pos_embed"),
        blocks=("xca_layers.{stage}",),
        rest=("cls_token", "ca_layers", "norm"),
        first=0,
    )

    def __post_init__(self) -> None:
        if self.patch_size not in (8, 16):
            raise UserError(f"patch_size={self.patch_size}; allowed: 8, 16")
        if any(side % self.patch_size for side in pair(self.img_size)):
            raise UserError(f"img_size={self.img_size}; expected a multiple of patch_size={self.patch_size}")
        if self.out_type not in _OUT_TYPES:
            raise UserError(f"out_type={self.out_type!r}; allowed: {', '.join(_OUT_TYPES)}")
        if self.out_type == "cls_token" and min(self.returned) < self.depth:
            raise UserError(f"out_indices={self.out_indices}: the class token is there from layer {self.depth} on")
        super().__post_init__()

    @property
    def num_outputs(self) -> int:
        return self.depth + self.cls_attn_layers

    @property
    def num_stages_to_freeze(self) -> int:
        return self.num_outputs + 1

    @property
    def frozen_through(self) -> int:
        return max(self.frozen_stages - 1, 0) if self.frozen_stages >= 0 else -1

    def stage_of(self, name: str) -> float | None:
        """Each layer is a stage; the class token goes with the last one before it is there."""
        kind, *rest = name.split(".")
        if kind == "ca_layers":
            return self.depth + int(rest[0]) + 1
        return self.depth if kind == "cls_token" else super().stage_of(name)

    def is_frozen(self, path: tuple[str, ...]) -> bool:
        """The last norm is with the last layer but one, and only with it."""
        return self.frozen_stages == self.num_outputs if path[0] == "norm" else super().is_frozen(path)

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with batch statistics, dropout and stochastic depth, but for what is frozen."""
        stem_train, layers = self.trains(0, train), Layers(None, self.bn_norm_cfg, self.act_cfg)
        x = ConvPatchEmbed(self.embed_dims, self.patch_size, layers, name="patch_embed")(x, stem_train)
        if self.use_pos_embed:
            x = FourierPosition("token_projection.conv", KAIMING, name="pos_embed")(x)
        x = nn.Dropout(self.drop_rate)(x, deterministic=not stem_train)
        size, outputs = (x.shape[1], x.shape[2]), []
        for i in range(self.num_outputs):
            if i == self.depth:
                x = self._with_token(x)
            layer_train = self.trains(i + 1, train)
            x = self._layer(i, layer_train)(x, layer_train)
            if i == self.num_outputs - 1 and self.final_norm:
                x = build_norm(self.norm_cfg, "norm")(x, train)
            if i in self.returned:
                outputs.append(self._output(x, size))
        return tuple(outputs)

    def _with_token(self, x: Array) -> Array:
        """(N, H, W, D) -> (N, 1 + H * W, D)."""
        token = self.param("cls_token", trunc_normal(std=0.02), (1, 1, self.embed_dims), jnp.float32).astype(x.dtype)
        token = jnp.broadcast_to(token, (x.shape[0], 1, self.embed_dims))
        return jnp.concatenate([token, x.reshape(x.shape[0], -1, self.embed_dims)], axis=1)

    def _layer(self, i: int, train: bool) -> nn.Module:
        names = ("num_heads", "mlp_ratio", "qkv_bias", "drop_rate", "attn_drop_rate", "layer_scale_init_value")
        common = {name: getattr(self, name) for name in (*names, "norm_cfg", "act_cfg")}
        if i >= self.depth:
            block = self.checkpointed(ClassAttentionBlock, train)
            return block(**common, tokens_norm=self.tokens_norm, name=f"ca_layers.{i - self.depth}")
        own: dict[str, Any] = {"drop_path_rate": self.drop_path_rate, "bn_norm_cfg": self.bn_norm_cfg}
        return self.checkpointed(XCABlock, train)(**common, **own, name=f"xca_layers.{i}")

    @nn.nowrap
    def _output(self, x: Array, size: tuple[int, int]) -> Array:
        """What is returned of a map (N, H, W, D), or of it as tokens after the class token."""
        if self.out_type == "cls_token":
            return x[:, 0]
        if self.out_type == "raw":
            return x.reshape(x.shape[0], -1, self.embed_dims)
        patches = x if x.ndim == 4 else x[:, 1:].reshape(x.shape[0], *size, self.embed_dims)
        return patches if self.out_type == "featmap" else global_avg_pool(patches)
