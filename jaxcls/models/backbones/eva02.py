"""EVA-02 (Fang et al. 2023, arXiv:2303.11331), to classify; mmpretrain/models/backbones/vit_eva02.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.models.backbones.base import Config, architectures
from jaxcls.models.backbones.layout import LAST
from jaxcls.models.backbones.vision_transformer import VisionTransformer
from jaxcls.models.layers import LN, DropPath, MultiheadAttention, SwiGLUFFN, build_norm, pair, residual
from jaxcls.models.layers.rotary import Tables, rotary_tables

# table 1 of the paper
_ARCHITECTURES = architectures(
    ("embed_dims", "num_layers", "num_heads", "feedforward_channels"),
    {
        ("t", "ti", "tiny"): (192, 12, 3, 512),
        ("s", "small"): (384, 12, 6, 1024),
        ("b", "base"): (768, 12, 12, 2048),
        ("l", "large"): (1024, 24, 16, 2730),
    },
)
_TABLES = ("rope.freqs_cos", "rope.freqs_sin")


class EVA02EncoderLayer(nn.Module):
    """Attention with rotary positions and a gated feed-forward part, each after a norm: (N, L, D) -> same.

    Attributes:
        num_heads: of the attention, a divisor of D.
        feedforward_channels: width within the feed-forward part.
        sub_ln: a norm within the feed-forward part.
        attn_drop: dropout rate of the attention weights.
        proj_drop: dropout rate of the attention's output.
        qkv_bias: whether query, key and value have a bias.
        qk_scale: a factor on the logits in place of 1 / sqrt(D / num_heads).
        proj_bias: whether the attention's output has a bias.
        drop_rate: dropout rate of the feed-forward part.
        drop_path_rate: probability of dropping a part for a sample.
    """

    num_heads: int
    feedforward_channels: int
    sub_ln: bool = False
    attn_drop: float = 0.0
    proj_drop: float = 0.0
    qkv_bias: bool = False
    qk_scale: float | None = None
    proj_bias: bool = True
    drop_rate: float = 0.0
    drop_path_rate: float = 0.0
    norm_cfg: Config = LN
    init_cfg: Any = None

    @nn.compact
    def __call__(self, x: Array, train: bool = False, rotary: Tables | None = None) -> Array:
        """`train`: with dropout and stochastic depth."""
        attn = MultiheadAttention(
            self.num_heads,
            self.attn_drop,
            self.proj_drop,
            self.qkv_bias,
            self.qk_scale,
            proj_bias=self.proj_bias,
            name="attn",
        )
        mlp = SwiGLUFFN(self.feedforward_channels, self.norm_cfg if self.sub_ln else None, self.drop_rate, name="mlp")
        drop_path = DropPath(self.drop_path_rate)
        x = residual(x, drop_path(attn(build_norm(self.norm_cfg, "norm1")(x, train), train, rotary), train))
        return residual(x, drop_path(mlp(build_norm(self.norm_cfg, "norm2")(x, train), train), train))


class ViTEVA02(VisionTransformer):
    """As `VisionTransformer`, with rotary positions in each layer and gated feed-forward parts.

    The tables of rotary positions are computed, unless the `buffers` collection has them for images of `img_size`:
    then they are as in the state dict that they come from.

    Attributes:
        arch: t(iny), s(mall), b(ase), l(arge), or a dict of embed_dims, num_layers, num_heads, feedforward_channels.
        sub_ln: a norm within the feed-forward parts.
        rotary_reference: see `rotary_tables`; the paper's and timm's have 16.
        attn_drop_rate: dropout rate of the attention weights.
        proj_drop_rate: dropout rate of the attention's output.
        frozen_stages: from 1 on the patch embedding, the class token and the position embedding are not trained, and
            where it is the number of layers the norm after them; layers always are, as in the original.
    """

    arch: str | Config = "tiny"
    norm_cfg: Config = LN
    out_type: str | None = "cls_token"
    sub_ln: bool = False
    rotary_reference: int | None = None
    attn_drop_rate: float = 0.0
    proj_drop_rate: float = 0.0

    architectures: ClassVar[Mapping[str, Config]] = _ARCHITECTURES
    layer_class: ClassVar[type[nn.Module]] = EVA02EncoderLayer

    @property
    def layer_arguments(self) -> Mapping[str, Any]:
        """Arguments of the layers."""
        drop = {"attn_drop": self.attn_drop_rate, "proj_drop": self.proj_drop_rate}
        return {"sub_ln": self.sub_ln, "qkv_bias": self.qkv_bias, **drop}

    @property
    def computed(self) -> Mapping[str, None]:
        """The tables, which the layers have in common."""
        layers = (f"layers.{i}.attn.{name}" for i in range(self.num_outputs) for name in _TABLES)
        return dict.fromkeys((*_TABLES, *layers))

    def trains(self, stage: int, train: bool) -> bool:
        """Layers always do."""
        return train and (stage > 0 or super().trains(stage, train))

    def stage_of(self, name: str) -> float | None:
        """Layers are never frozen."""
        return LAST if name.startswith("layers.") else super().stage_of(name)

    def _of_all_layers(self, size: tuple[int, int]) -> tuple[Any, ...]:
        tables = rotary_tables(*size, self.settings["embed_dims"] // self.settings["num_heads"], self.rotary_reference)
        own_size = self._patch_embed(parent=None).resolution(pair(self.img_size))
        given: list[Any] = [self.get_variable("buffers", name) for name in _TABLES]
        if size == own_size and all(table is not None and table.shape == tables[0].shape for table in given):
            return (tuple(map(jnp.asarray, given)),)
        return (tuple(map(jnp.asarray, tables)),)
