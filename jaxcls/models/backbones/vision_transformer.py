"""Vision Transformer (Dosovitskiy et al. 2021, arXiv:2010.11929), and as DeiT (Touvron et al. 2021, arXiv:2012.12877).

After mmcls/models/backbones/vision_transformer.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.backbones.base import Backbone, Config, architectures, settings_of
from jaxcls.models.backbones.layout import LAST, Layout
from jaxcls.models.layers import (
    FFN,
    GELU,
    LN,
    DropPath,
    MultiheadAttention,
    PatchEmbed,
    build_norm,
    drop_path_rates,
    fit_pos_embed,
    for_each,
    norm_name,
    override,
    pair,
    resize_pos_embed,
)
from jaxcls.models.layers.initializers import Initializer, constant, normal, trunc_normal, xavier

# The original's small is 8 layers of 768, not the usual ViT-S; huge, eva and dinov2 are of mmpretrain 1.2.
_ARCHITECTURES = architectures(
    ("embed_dims", "num_layers", "num_heads", "feedforward_channels"),
    {
        ("s", "small"): (768, 8, 8, 2304),
        ("b", "base", "deit-b", "deit-base"): (768, 12, 12, 3072),
        ("l", "large"): (1024, 24, 16, 4096),
        ("deit-t", "deit-tiny"): (192, 12, 3, 768),
        ("deit-s", "deit-small", "dinov2-s", "dinov2-small"): (384, 12, 6, 1536),
        ("h", "huge"): (1280, 32, 16, 5120),
        ("eva-g", "eva-giant"): (1408, 40, 16, 6144),
        ("dinov2-g", "dinov2-giant"): (1536, 40, 24, 6144),
    },
)


def _norm(norm_cfg: Config, index: int) -> nn.Module:
    return build_norm(norm_cfg, norm_name(norm_cfg, index))


class TransformerEncoderLayer(nn.Module):
    """Attention and feed-forward, each after a norm and beside a shortcut: (N, L, D) -> same.

    Attributes:
        num_heads: of the attention, a divisor of D.
        feedforward_channels: width within the feed-forward part.
        drop_rate: dropout rate of both parts.
        attn_drop_rate: dropout rate of the attention weights.
        drop_path_rate: probability of dropping a part for a sample.
        num_fcs: layers of the feed-forward part.
        qkv_bias: whether query, key and value have a bias.
        xavier_ffn: the feed-forward part starts as the Vision Transformer's, whatever `init_cfg` says.
    """

    num_heads: int
    feedforward_channels: int
    drop_rate: float = 0.0
    attn_drop_rate: float = 0.0
    drop_path_rate: float = 0.0
    num_fcs: int = 2
    qkv_bias: bool = True
    act_cfg: Config = GELU
    norm_cfg: Config = LN
    xavier_ffn: bool = True
    init_cfg: Any = None

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with dropout and stochastic depth."""
        attn = MultiheadAttention(self.num_heads, self.attn_drop_rate, self.drop_rate, self.qkv_bias, name="attn")
        ffn = FFN(
            self.feedforward_channels,
            self.num_fcs,
            self.act_cfg,
            self.drop_rate,
            kernel_init=xavier(distribution="uniform") if self.xavier_ffn else None,
            bias_init=normal(std=1e-6) if self.xavier_ffn else None,
            name="ffn",
        )
        drop_path = DropPath(self.drop_path_rate)
        x = x + drop_path(attn(_norm(self.norm_cfg, 1)(x, train), train), train)
        return x + drop_path(ffn(_norm(self.norm_cfg, 2)(x, train), train), train)


class VisionTransformer(Backbone):
    """Images (N, H, W, C) -> for each of `out_indices` (patches (N, H', W', D), class token (N, D)), or patches alone.

    Images of another size than `img_size` are taken too: the position embedding is resized.

    Attributes:
        arch: s(mall), b(ase), l(arge), h(uge), deit-t(iny), deit-s(mall), deit-b(ase), eva-g(iant), dinov2-s(mall),
            dinov2-g(iant), or a dict of embed_dims, num_layers, num_heads, feedforward_channels.
        img_size: (H, W) or one number, in pixels, that the position embedding is for.
        patch_size: pixels down and across.
        out_indices: the layers to return, from 0, negative ones from the end.
        drop_rate: dropout rate after the position embedding and in the layers.
        drop_path_rate: the last layer's stochastic depth; it grows linearly from 0.
        qkv_bias: whether query, key and value have a bias.
        norm_cfg: of all norms.
        final_norm: a norm after the last layer.
        with_cls_token: whether the layers see the class token.
        avg_token: patches are averaged and normed: (N, D).
        frozen_stages: so many layers, and what is before them, are not trained; 0 and below: none.
        output_cls_token: the class token is returned too.
        interpolate_mode: how the position embedding is resized.
        patch_cfg: arguments of `PatchEmbed` that differ.
        layer_cfgs: arguments of `TransformerEncoderLayer` that differ; a dict, or one for each layer.
        with_cp: activations of a layer are computed again in the backward pass, to save memory.

    Raises:
        UserError: an architecture, a layer or an argument that is not there.
    """

    arch: str | Config = "base"
    img_size: int | tuple[int, int] = 224
    patch_size: int | tuple[int, int] = 16
    in_channels: int = 3
    out_indices: int | tuple[int, ...] = -1
    drop_rate: float = 0.0
    drop_path_rate: float = 0.0
    qkv_bias: bool = True
    norm_cfg: Config = nn.FrozenDict({"type": "LN", "eps": 1e-6})
    final_norm: bool = True
    with_cls_token: bool = True
    avg_token: bool = False
    frozen_stages: int = -1
    output_cls_token: bool = True
    interpolate_mode: str = "bicubic"
    patch_cfg: Config = nn.FrozenDict()
    layer_cfgs: Config | tuple[Config, ...] = nn.FrozenDict()
    with_cp: bool = False
    init_cfg: Any = None

    token_inits: ClassVar[Mapping[str, Initializer]] = {"cls_token": constant(0.0)}  # in order, before the patches
    layout: ClassVar[Layout] = Layout(
        stem=("patch_embed", "cls_token", "dist_token", "pos_embed"),
        blocks=("layers.{stage}",),
        rest=("ln1", "ln2", "bn1", "bn2", "gn1", "gn2"),
        first=0,
    )

    def __post_init__(self) -> None:
        if self.output_cls_token and not self.with_cls_token:
            raise UserError("output_cls_token=True needs with_cls_token=True")
        super().__post_init__()

    @property
    def settings(self) -> Config:
        """Of the architecture."""
        return settings_of(self.arch, _ARCHITECTURES)

    @property
    def num_outputs(self) -> int:
        return self.settings["num_layers"]

    @property
    def frozen_through(self) -> int:
        return self.frozen_stages if self.frozen_stages > 0 else -1

    def stage_of(self, name: str) -> float | None:
        """The norm after the last layer goes with that layer."""
        stage, last_norm = super().stage_of(name), norm_name(self.norm_cfg, 1)
        return self.num_outputs if stage == LAST and name.startswith(f"{last_norm}.") else stage

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Any, ...]:
        """`train`: with dropout and stochastic depth."""
        depth = self.num_outputs
        patch_embed = self._patch_embed()
        x = patch_embed(x, train)
        height, width = x.shape[1:3]
        x = self._tokens(x, patch_embed.resolution(pair(self.img_size)), self.trains(0, train))
        patch_norm = _norm(self.norm_cfg, 2) if self.avg_token else None
        outputs = []
        for index in range(depth):
            x = self._layer(index, train)(x, self.trains(index + 1, train))
            if index == depth - 1 and self.final_norm:
                x = _norm(self.norm_cfg, 1)(x, train)
            if index in self.returned:
                count = len(self.token_inits) if self.with_cls_token else 0
                patches = x[:, count:]
                if patch_norm is None:
                    patches = patches.reshape(len(x), height, width, -1)
                else:
                    patches = patch_norm(jnp.mean(patches, 1, dtype=jnp.float32).astype(x.dtype), train)
                tokens = (x[:, i] for i in range(count))
                outputs.append((patches, *tokens) if self.output_cls_token else patches)
        return tuple(outputs)

    @nn.nowrap
    def _patch_embed(self) -> PatchEmbed:
        return override(
            PatchEmbed,
            self.patch_cfg,
            "patch_cfg",
            embed_dims=self.settings["embed_dims"],
            kernel_size=self.patch_size,
            stride=self.patch_size,
            name="patch_embed",
        )

    def _tokens(self, patches: Array, own_size: tuple[int, int], train: bool) -> Array:
        """Patches (N, H', W', D) -> (N, L, D): the tokens, where they are on, and they, with positions."""
        n, *size, width = patches.shape
        tokens = [self.param(name, init, (1, 1, width), jnp.float32) for name, init in self.token_inits.items()]
        tokens = [jnp.broadcast_to(token.astype(patches.dtype), (n, 1, width)) for token in tokens]
        x = jnp.concatenate([*tokens, patches.reshape(n, -1, width)], axis=1)
        shape = (1, len(tokens) + own_size[0] * own_size[1], width)
        pos_embed = self.param("pos_embed", trunc_normal(std=0.02), shape, jnp.float32)
        x = x + resize_pos_embed(pos_embed, own_size, size, self.interpolate_mode, len(tokens)).astype(x.dtype)
        x = nn.Dropout(self.drop_rate)(x, deterministic=not train)
        return x if self.with_cls_token else x[:, len(tokens) :]

    def _layer(self, index: int, train: bool) -> nn.Module:
        return override(
            self.checkpointed(TransformerEncoderLayer, train),
            for_each(self.layer_cfgs, self.num_outputs, "layer_cfgs")[index],
            "layer_cfgs",
            num_heads=self.settings["num_heads"],
            feedforward_channels=self.settings["feedforward_channels"],
            drop_rate=self.drop_rate,
            drop_path_rate=drop_path_rates(self.drop_path_rate, [self.num_outputs])[0][index],
            qkv_bias=self.qkv_bias,
            norm_cfg=self.norm_cfg,
            name=f"layers.{index}",
        )

    @nn.nowrap
    def resize_on_load(self, path: tuple[str, ...], value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The position embedding is resized; the tokens' part of it stays."""
        if path != ("pos_embed",):
            return value
        own_size = self._patch_embed().resolution(pair(self.img_size))
        return fit_pos_embed(value, shape, own_size, self.interpolate_mode, len(self.token_inits))


class DistilledVisionTransformer(VisionTransformer):
    """As `VisionTransformer`, with a second token that learns from a teacher (Touvron et al. 2021, arXiv:2012.12877).

    Outputs are (patches (N, H', W', D), class token (N, D), distillation token (N, D)); mmcls/models/backbones/deit.py.
    """

    arch: str | Config = "deit-base"

    token_inits: ClassVar[Mapping[str, Initializer]] = {
        "cls_token": constant(0.0),
        "dist_token": trunc_normal(std=0.02),
    }
