"""Vision Transformer (Dosovitskiy et al. 2021, arXiv:2010.11929), and as DeiT (Touvron et al. 2021, arXiv:2012.12877).

After mmcls/models/backbones/vision_transformer.py; what DINOv2 (Oquab et al. 2023, arXiv:2304.07193) and CLIP need is
after mmpretrain's file of that name, registers (Darcet et al. 2023, arXiv:2309.16588) are after timm's.
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
    SwiGLUFFN,
    build_norm,
    drop_path_rates,
    fit_pos_embed,
    for_each,
    norm_name,
    override,
    pair,
    residual,
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


_OUT_TYPES = ("cls_token", "featmap", "avg_featmap", "raw", "cls_and_avg_featmap")


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
        ffn_type: `origin`, or `swiglu_fused`: gated, with two thirds of the width.
        layer_scale_init_value: where the learnt factors on both parts start; 0: there are none.
        shared_norm: the first norm is the second part's too.

    Raises:
        UserError: another `ffn_type`.
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
    ffn_type: str = "origin"
    layer_scale_init_value: float = 0.0
    shared_norm: bool = False
    init_cfg: Any = None

    def __post_init__(self) -> None:
        if self.ffn_type not in ("origin", "swiglu_fused"):
            raise UserError(f"ffn_type={self.ffn_type!r}; allowed: origin, swiglu_fused")
        super().__post_init__()

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with dropout and stochastic depth."""
        attn = MultiheadAttention(
            self.num_heads,
            self.attn_drop_rate,
            self.drop_rate,
            self.qkv_bias,
            layer_scale_init_value=self.layer_scale_init_value,
            name="attn",
        )
        drop_path, first, second = DropPath(self.drop_path_rate), _norm(self.norm_cfg, 1), _norm(self.norm_cfg, 2)
        x = residual(x, drop_path(attn(first(x, train), train), train))
        y = second(x, train)  # its parameters are in the checkpoint, whether they are used or not
        y = first(x, train) if self.shared_norm else y
        return residual(x, drop_path(self._ffn()(y, train), train))

    def _ffn(self) -> nn.Module:
        common: dict[str, Any] = {
            "layer_scale_init_value": self.layer_scale_init_value,
            "kernel_init": xavier(distribution="uniform") if self.xavier_ffn else None,
            "bias_init": normal(std=1e-6) if self.xavier_ffn else None,
            "name": "ffn",
        }
        if self.ffn_type == "swiglu_fused":
            return SwiGLUFFN((self.feedforward_channels * 2 // 3 + 7) // 8 * 8, **common)
        return FFN(self.feedforward_channels, self.num_fcs, self.act_cfg, self.drop_rate, **common)


class VisionTransformer(Backbone):
    """Images (N, H, W, C) -> for each of `out_indices` (patches (N, H', W', D), class token (N, D)), or patches alone.

    With `out_type` it is one array for each. Images of another size than `img_size` are taken too: the position
    embedding is resized.

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
        out_type: what is returned, as in mmpretrain: `cls_token` (N, D), `featmap` (N, H', W', D), `avg_featmap`, its
            mean, normed, (N, D), or `raw`, all tokens (N, L, D); or `cls_and_avg_featmap`, the class token and the
            patches' mean side by side (N, 2 * D), as DINOv2's classifiers see them. None: what `output_cls_token` and
            `avg_token` say. With it, `with_cls_token=False` means that there is no class token at all.
        layer_scale_init_value: where the learnt factors on the layers' parts start; 0: there are none.
        pre_norm: a norm before the first layer, and patches without a bias.
        num_register_tokens: more tokens that belong to no patch, without positions, returned in `raw` alone.
        class_position: whether the class token has a position.
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
    out_type: str | None = None
    layer_scale_init_value: float = 0.0
    pre_norm: bool = False
    num_register_tokens: int = 0
    class_position: bool = True
    patch_cfg: Config = nn.FrozenDict()
    layer_cfgs: Config | tuple[Config, ...] = nn.FrozenDict()
    with_cp: bool = False
    init_cfg: Any = None

    architectures: ClassVar[Mapping[str, Config]] = _ARCHITECTURES
    layer_class: ClassVar[type[nn.Module]] = TransformerEncoderLayer
    token_inits: ClassVar[Mapping[str, Initializer]] = {"cls_token": constant(0.0)}  # in order, before the patches
    layout: ClassVar[Layout] = Layout(
        stem=("patch_embed", "cls_token", "dist_token", "register_tokens", "pos_embed", "pre_norm"),
        blocks=("layers.{stage}",),
        rest=("ln1", "ln2", "bn1", "bn2", "gn1", "gn2", "rel_pos_bias"),
        first=0,
    )

    def __post_init__(self) -> None:
        if self.out_type not in (None, *_OUT_TYPES):
            raise UserError(f"out_type={self.out_type!r}; allowed: {', '.join(_OUT_TYPES)}")
        if self.out_type in ("cls_token", "cls_and_avg_featmap") and not self.with_cls_token:
            raise UserError(f"out_type={self.out_type!r} needs with_cls_token=True")
        if self.out_type is None and self.output_cls_token and not self.with_cls_token:
            raise UserError("output_cls_token=True needs with_cls_token=True")
        super().__post_init__()

    @property
    def settings(self) -> Config:
        """Of the architecture."""
        return settings_of(self.arch, self.architectures)

    @property
    def num_outputs(self) -> int:
        return self.settings["num_layers"]

    @property
    def frozen_through(self) -> int:
        return self.frozen_stages if self.frozen_stages > 0 else -1

    @property
    def own_tokens(self) -> Mapping[str, Initializer]:
        """The tokens, but for registers, that there are parameters of."""
        return {} if self.out_type and not self.with_cls_token else self.token_inits

    @property
    def is_averaged(self) -> bool:
        """Whether patches are averaged and normed."""
        return self.avg_token if self.out_type is None else self.out_type == "avg_featmap"

    def stage_of(self, name: str) -> float | None:
        """The norms after the last layer go with that layer."""
        stage = super().stage_of(name)
        last = {norm_name(self.norm_cfg, index) for index in ((1, 2) if self.out_type else (1,))}
        return self.num_outputs if stage == LAST and name.split(".")[0] in last else stage

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Any, ...]:
        """`train`: with dropout and stochastic depth."""
        depth = self.num_outputs
        patch_embed = self._patch_embed()
        x = patch_embed(x, train)
        size = (x.shape[1], x.shape[2])
        x = self._tokens(x, patch_embed.resolution(pair(self.img_size)), self.trains(0, train))
        if self.pre_norm:
            x = build_norm(self.norm_cfg, "pre_norm")(x, train)
        patch_norm = _norm(self.norm_cfg, 2) if self.is_averaged else None
        more = self._of_all_layers(size)
        outputs = []
        for index in range(depth):
            x = self._layer(index, train)(x, self.trains(index + 1, train), *more)
            if index == depth - 1 and self.final_norm:
                x = _norm(self.norm_cfg, 1)(x, train)
            if index in self.returned:
                outputs.append(self._output(x, size, patch_norm, train))
        return tuple(outputs)

    def _of_all_layers(self, size: tuple[int, int]) -> tuple[Any, ...]:
        """What each layer is called with besides, for a map of `size`."""
        return ()

    @property
    def layer_arguments(self) -> Mapping[str, Any]:
        """More arguments of the layers."""
        return {"layer_scale_init_value": self.layer_scale_init_value, "qkv_bias": self.qkv_bias}

    @nn.nowrap
    def _output(self, x: Array, size: tuple[int, int], patch_norm: nn.Module | None, train: bool) -> Any:
        """What is returned of the tokens (N, L, D)."""
        if self.out_type == "raw":
            return x
        if self.out_type == "cls_token":
            return x[:, 0]
        count = len(self.own_tokens) if self.with_cls_token else 0
        patches = x[:, count + self.num_register_tokens :]
        if self.out_type == "cls_and_avg_featmap":
            return jnp.concatenate([x[:, 0], jnp.mean(patches, 1, dtype=jnp.float32).astype(x.dtype)], axis=-1)
        if patch_norm is not None:
            patches = patch_norm(jnp.mean(patches, 1, dtype=jnp.float32).astype(x.dtype), train)
        else:
            patches = patches.reshape(x.shape[0], *size, -1)
        if self.out_type is not None or not self.output_cls_token:
            return patches
        return (patches, *(x[:, i] for i in range(count)))

    @nn.nowrap
    def _patch_embed(self, **module: Any) -> PatchEmbed:
        return override(
            PatchEmbed,
            self.patch_cfg,
            "patch_cfg",
            embed_dims=self.settings["embed_dims"],
            kernel_size=self.patch_size,
            stride=self.patch_size,
            bias=not self.pre_norm,
            name="patch_embed",
            **module,
        )

    def _tokens(self, patches: Array, own_size: tuple[int, int], train: bool) -> Array:
        """Patches (N, H', W', D) -> (N, L, D): the tokens, where they are on, and they, with positions."""
        n, *size, width = patches.shape
        inits, registers = self.own_tokens, self.num_register_tokens
        tokens = [self.param(name, init, (1, 1, width), jnp.float32) for name, init in inits.items()]
        tokens = [jnp.broadcast_to(token.astype(patches.dtype), (n, 1, width)) for token in tokens]
        placed, patches = len(tokens) if self.class_position else 0, patches.reshape(n, -1, width)
        x = jnp.concatenate([*tokens[:placed], patches], axis=1)
        x = self._placed(x, own_size, (size[0], size[1]), placed)
        x = nn.Dropout(self.drop_rate)(x, deterministic=not train)
        x = jnp.concatenate([*tokens[placed:], x], axis=1)
        if registers:
            own = self.param("register_tokens", normal(std=1e-6), (1, registers, width), jnp.float32).astype(x.dtype)
            before, after = x[:, : len(tokens)], x[:, len(tokens) :]
            x = jnp.concatenate([before, jnp.broadcast_to(own, (n, registers, width)), after], axis=1)
        return x if self.with_cls_token else x[:, len(tokens) :]

    def _placed(self, x: Array, own_size: tuple[int, int], size: tuple[int, int], count: int) -> Array:
        """Tokens (N, L, D), `count` of them before the patches, with their positions."""
        shape = (1, count + own_size[0] * own_size[1], x.shape[-1])
        pos_embed = self.param("pos_embed", trunc_normal(std=0.02), shape, jnp.float32)
        return x + resize_pos_embed(pos_embed, own_size, size, self.interpolate_mode, count).astype(x.dtype)

    def _layer(self, index: int, train: bool) -> nn.Module:
        return override(
            self.checkpointed(self.layer_class, train),
            for_each(self.layer_cfgs, self.num_outputs, "layer_cfgs")[index],
            "layer_cfgs",
            num_heads=self.settings["num_heads"],
            feedforward_channels=self.settings["feedforward_channels"],
            drop_rate=self.drop_rate,
            drop_path_rate=drop_path_rates(self.drop_path_rate, [self.num_outputs])[0][index],
            norm_cfg=self.norm_cfg,
            **self.layer_arguments,
            name=f"layers.{index}",
        )

    @nn.nowrap
    def resize_on_load(self, path: tuple[str, ...], value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The position embedding is resized; the tokens' part of it stays."""
        if path != ("pos_embed",):
            return value
        own_size = self._patch_embed().resolution(pair(self.img_size))
        placed = len(self.own_tokens) if self.class_position else 0
        if self.out_type and not self.own_tokens and value.ndim == 3 and value.shape[1] == shape[1] + 1:
            value = value[:, 1:]  # there is no class token here that could have a position
        return fit_pos_embed(value, shape, own_size, self.interpolate_mode, placed)


class DistilledVisionTransformer(VisionTransformer):
    """As `VisionTransformer`, with a second token that learns from a teacher (Touvron et al. 2021, arXiv:2012.12877).

    Outputs are (patches (N, H', W', D), class token (N, D), distillation token (N, D)); mmcls/models/backbones/deit.py.
    """

    arch: str | Config = "deit-base"

    token_inits: ClassVar[Mapping[str, Initializer]] = {
        "cls_token": constant(0.0),
        "dist_token": trunc_normal(std=0.02),
    }
