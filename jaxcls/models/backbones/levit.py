"""LeViT (Graham et al. 2021, arXiv:2104.01136); mmpretrain/models/backbones/levit.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.backbones.base import Backbone, Config, architectures, settings_of
from jaxcls.models.backbones.layout import Layout
from jaxcls.models.layers import (
    BatchNorm,
    Conv,
    ConvModule,
    DistanceBias,
    DropPath,
    Layers,
    Linear,
    attention,
    build_activation,
    residual,
)
from jaxcls.models.layers.fuse import fuse_conv_norm

Variables = Mapping[str, Any]

_HSWISH: Config = nn.FrozenDict({"type": "HSwish"})

# table 1 of the paper
_KEYS = ("embed_dims", "num_heads", "depths", "key_dims")
_ARCHITECTURES = architectures(
    _KEYS,
    {
        ("128s",): ((128, 256, 384), (4, 6, 8), (2, 3, 4), (16, 16, 16)),
        ("128",): ((128, 256, 384), (4, 8, 12), (4, 4, 4), (16, 16, 16)),
        ("192",): ((192, 288, 384), (3, 5, 6), (4, 4, 4), (32, 32, 32)),
        ("256",): ((256, 384, 512), (4, 6, 8), (4, 4, 4), (32, 32, 32)),
        ("384",): ((384, 512, 768), (6, 9, 12), (4, 4, 4), (32, 32, 32)),
    },
)


class LinearBatchNorm(nn.Module):
    """A fully connected layer and a norm, or, with `deploy`, the layer that both are: (N, L, D) -> (N, L, features)."""

    features: int
    deploy: bool = False

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics."""
        if self.deploy:
            linear = Linear(self.features)
            nn.share_scope(self, linear)
            return linear(x)
        return BatchNorm(name="bn")(Linear(self.features, use_bias=False, name="linear")(x), train)


class HybridBackbone(nn.Module):
    """Four convolutions of stride 2, each normed, activations between: images (N, H, W, C) -> (N, H / 16, W / 16, D).

    Attributes:
        embed_dim: D; the others have an eighth, a quarter and half of it.
        act_cfg: the activation.
        deploy: a convolution and its norm are one.
    """

    embed_dim: int
    act_cfg: Config = _HSWISH
    deploy: bool = False

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics."""
        for i, part in enumerate((8, 4, 2, 1)):
            x = build_activation(self.act_cfg)(x) if i else x
            window, name = (self.embed_dim // part, 3, 2, 1), f"patch_embed.{2 * i}"
            if self.deploy:
                x = Conv(*window, name=name)(x)
            else:
                x = ConvModule(*window, layers=Layers(act_cfg=None), default_init=None, name=name)(x, train)
        return x


class LeViTAttention(nn.Module):
    """Attention with a learnt bias for each distance: (N, resolution ** 2, D) -> (N, L, features).

    Attributes:
        features: of the result.
        key_dim: of each head's queries and keys.
        attn_ratio: what multiplies that for the values.
        resolution: places down and across.
        stride: queries are every `stride`-th place of them, so that L is less; 1: all, L = resolution ** 2. Where it is
            not 1, they have a projection of their own.
    """

    features: int
    key_dim: int
    num_heads: int
    attn_ratio: float
    resolution: int
    stride: int = 1
    act_cfg: Config = _HSWISH
    deploy: bool = False

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics."""
        n, heads, key_dim, value_dim = x.shape[0], self.num_heads, self.key_dim, int(self.attn_ratio * self.key_dim)
        bias = DistanceBias(heads, self.resolution, self.stride)
        nn.share_scope(self, bias)
        if self.stride == 1:
            y = LinearBatchNorm(heads * (2 * key_dim + value_dim), self.deploy, name="qkv")(x, train)
            query, key, value = jnp.split(y.reshape(n, -1, heads, 2 * key_dim + value_dim), (key_dim, 2 * key_dim), -1)
        else:
            y = LinearBatchNorm(heads * (key_dim + value_dim), self.deploy, name="kv")(x, train)
            key, value = jnp.split(y.reshape(n, -1, heads, key_dim + value_dim), (key_dim,), -1)
            kept = x.reshape(n, self.resolution, self.resolution, -1)[:, :: self.stride, :: self.stride]
            query = LinearBatchNorm(heads * key_dim, self.deploy, name="q.1")(kept.reshape(n, -1, x.shape[-1]), train)
            query = query.reshape(n, -1, heads, key_dim)
        y = attention(query, key, value, bias()).reshape(n, query.shape[1], heads * value_dim)
        return LinearBatchNorm(self.features, self.deploy, name="proj.1")(build_activation(self.act_cfg)(y), train)


class MLP(nn.Module):
    """Two fully connected layers, each normed, an activation between: (N, L, D) -> same.

    Attributes:
        mlp_ratio: how much wider it is between them.
    """

    mlp_ratio: float
    act_cfg: Config = _HSWISH
    deploy: bool = False

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics."""
        y = LinearBatchNorm(int(x.shape[-1] * self.mlp_ratio), self.deploy, name="linear1")(x, train)
        return LinearBatchNorm(x.shape[-1], self.deploy, name="linear2")(build_activation(self.act_cfg)(y), train)


class LeViT(Backbone):
    """Images (N, H, W, C) of `img_size` -> a tuple of stages' outputs, (N, H / 16, W / 16, D) the first of them.

    Attributes:
        arch: 128s, 128, 192, 256 or 384, or a dict of embed_dims, num_heads, depths and key_dims, one a stage.
        img_size: height and width of the images.
        patch_size: how many times smaller the stem makes them.
        attn_ratio: of the attention's values, to its keys.
        mlp_ratio: width within the feed-forward parts, to that around them; 0: there are none.
        act_cfg: of all activations but the stem's, which are HSwish.
        hybrid_backbone: the stem; a module, called with `embed_dim` and `deploy`.
        out_indices: the stages to return, from 0.
        deploy: norms are in the layers before them; `switch_to_deploy` gives the variables.
        drop_path_rate: probability of dropping a block for a sample, the same for all.
        with_cp: activations of a block are computed again in the backward pass, to save memory.

    Raises:
        UserError: an architecture or stage that is not there.
    """

    arch: str | Config
    img_size: int = 224
    patch_size: int = 16
    attn_ratio: float = 2
    mlp_ratio: float = 2
    act_cfg: Config = _HSWISH
    hybrid_backbone: Callable[..., nn.Module] = HybridBackbone
    out_indices: int | tuple[int, ...] = -1
    deploy: bool = False
    drop_path_rate: float = 0.0
    with_cp: bool = False
    init_cfg: Any = None

    layout: ClassVar[Layout] = Layout(stem=("patch_embed",), blocks=("stages.{stage}.{block}",), first=0)

    @property
    def settings(self) -> Config:
        """Of the architecture."""
        return settings_of(self.arch, _ARCHITECTURES)

    @property
    def num_outputs(self) -> int:
        return len(self.settings["embed_dims"])

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with batch statistics and stochastic depth."""
        width, resolution = self.settings["embed_dims"][0], self.img_size // self.patch_size
        x = self.hybrid_backbone(embed_dim=width, deploy=self.deploy, name="patch_embed")(x, train)
        if x.shape[1:3] != (resolution, resolution):
            given, own = f"{x.shape[1]}x{x.shape[2]}", f"{resolution}x{resolution}"
            raise UserError(f"LeViT: images of {given} patches; img_size={self.img_size} has {own}")
        x = x.reshape(x.shape[0], -1, width)
        outputs = []
        for stage in range(self.num_outputs):
            for i, block in enumerate(self._blocks(stage, resolution, train)):
                if stage and i == 0:
                    x, resolution = block(name=f"stages.{stage}.0")(x, train), -(-resolution // 2)
                else:
                    y = block(name=f"stages.{stage}.{i}.block")(x, train)
                    x = residual(x, DropPath(self.drop_path_rate)(y, train))
            if stage in self.returned:
                outputs.append(x.reshape(x.shape[0], resolution, resolution, -1))
        return tuple(outputs)

    def _blocks(self, stage: int, resolution: int, train: bool) -> list[Callable[..., nn.Module]]:
        """A stage's blocks, but for their names; the first halves the map, but for the first stage."""
        own: dict[str, Any] = {"act_cfg": self.act_cfg, "deploy": self.deploy}
        width, heads, depth, key_dim = (self.settings[key][stage] for key in _KEYS)
        attention, feedforward = (self.checkpointed(kind, train) for kind in (LeViTAttention, MLP))
        mlp = [partial(feedforward, self.mlp_ratio, **own)] if self.mlp_ratio > 0 else []
        blocks: list[Callable[..., nn.Module]] = []
        if stage:
            before = self.settings["embed_dims"][stage - 1] // key_dim
            blocks = [partial(attention, width, key_dim, before, 4, resolution, 2, **own), *mlp]
            resolution = -(-resolution // 2)
        attend = partial(attention, width, key_dim, heads, self.attn_ratio, resolution, **own)
        return blocks + [attend, *mlp] * depth

    @nn.nowrap
    def switch_to_deploy(self, variables: Variables) -> tuple[LeViT, dict[str, Any]]:
        """The backbone with `deploy`, and its variables: each norm in the layer before it."""
        if self.deploy:
            return self, dict(variables)
        params = _merged(variables["params"], variables["batch_stats"])
        return self.clone(parent=None, deploy=True), {**variables, "params": params, "batch_stats": {}}


def _merged(params: Variables, stats: Variables) -> dict[str, Any]:
    """Each layer with the norm beside it as one layer with a bias."""
    if "bn" in params:
        layer = params.get("conv", params.get("linear"))
        kernel, bias = fuse_conv_norm(layer, params["bn"], stats["bn"], BatchNorm.eps)
        return {"kernel": kernel.astype(np.float32), "bias": bias.astype(np.float32)}
    return {
        name: _merged(value, stats[name]) if isinstance(value, Mapping) else value for name, value in params.items()
    }
