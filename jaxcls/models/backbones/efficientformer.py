"""EfficientFormer (Li et al. 2022, arXiv:2206.01191); mmcls/models/backbones/efficientformer.py."""

from __future__ import annotations

import functools
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.backbones.base import Backbone, Config, architectures, settings_of
from jaxcls.models.backbones.layout import Layout
from jaxcls.models.layers import (
    BN,
    GELU,
    KAIMING,
    LN,
    Conv,
    ConvModule,
    DropPath,
    Layers,
    LayerScale,
    Linear,
    attention,
    avg_pool,
    build_activation,
    build_norm,
    drop_path_rates,
    residual,
)
from jaxcls.models.layers.initializers import constant

# table 6 of the paper
_ARCHITECTURES = architectures(
    ("layers", "embed_dims", "downsamples", "vit_num"),
    {
        ("l1",): ((3, 2, 6, 4), (48, 96, 224, 448), (False, True, True, True), 1),
        ("l3",): ((4, 4, 12, 6), (64, 128, 320, 512), (False, True, True, True), 4),
        ("l7",): ((6, 6, 18, 8), (96, 192, 384, 768), (False, True, True, True), 8),
    },
)
_VIT_STAGE = 3  # the only one with attention


class AttentionWithBias(nn.Module):
    """Attention with a learnt bias for each distance, of rows and columns: (N, L, C) -> same, L = resolution ** 2.

    Attributes:
        num_heads: of the attention.
        key_dim: width of a head's queries and keys.
        attn_ratio: width of a head's values over `key_dim`.
        resolution: places down and across.

    Raises:
        UserError: another number of places.
    """

    num_heads: int = 8
    key_dim: int = 32
    attn_ratio: float = 4.0
    resolution: int = 7

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Attends."""
        n, length, channels = x.shape
        if length != self.resolution**2:
            own = f"{self.resolution}x{self.resolution}"
            raise UserError(f"EfficientFormer: attention needs a feature map of {own}, got one of {length} places")
        width = int(self.attn_ratio * self.key_dim)
        qkv = Linear((2 * self.key_dim + width) * self.num_heads, name="qkv")(x)
        heads = qkv.reshape(n, length, self.num_heads, -1)
        query, key, value = jnp.split(heads, (self.key_dim, 2 * self.key_dim), axis=-1)
        table = self.param("attention_biases", constant(0.0), (self.num_heads, length), jnp.float32)
        bias = table.astype(jnp.float32)[:, distance_index(self.resolution)][None]
        y = attention(query, key, value, bias=bias)
        return Linear(channels, name="proj")(y.reshape(n, length, -1))


@functools.cache
def distance_index(resolution: int) -> np.ndarray:
    """(resolution ** 2, resolution ** 2): the number of each pair's distance, row by row of such a map."""
    place = np.stack(np.divmod(np.arange(resolution**2), resolution))
    rows, columns = np.abs(place[:, :, None] - place[:, None, :])
    return rows * resolution + columns


class MetaBlock(nn.Module):
    """Places mix, then channels, each beside a shortcut: maps (N, H, W, C), or tokens (N, L, C) -> same.

    Attention mixes the places of tokens, average pooling those of maps.

    Attributes:
        pool_size: places down and across that are averaged.
        mlp_ratio: width within the part that mixes channels over C.
        act_cfg: the activation there.
        drop: dropout rate there.
        drop_path: probability of dropping a part for a sample.
        use_layer_scale: a learnt factor for each channel of each part.
    """

    pool_size: int = 3
    mlp_ratio: float = 4.0
    act_cfg: Config = GELU
    drop: float = 0.0
    drop_path: float = 0.0
    use_layer_scale: bool = True

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics, dropout and stochastic depth."""
        drop_path, is_map = DropPath(self.drop_path), x.ndim == 4
        scale = [LayerScale(name=f"ls{i}") if self.use_layer_scale else lambda y: y for i in (1, 2)]
        if is_map:
            mixed = avg_pool(x, self.pool_size, 1, self.pool_size // 2, count_include_pad=False) - x
        else:
            mixed = AttentionWithBias(name="token_mixer")(build_norm(LN, "norm1")(x, train))
        x = residual(x, drop_path(scale[0](mixed), train))
        mixed = self._map_mlp(x, train) if is_map else self._token_mlp(build_norm(LN, "norm2")(x, train), train)
        return residual(x, drop_path(scale[1](mixed), train))

    def _token_mlp(self, x: Array, train: bool) -> Array:
        act, drop, channels = build_activation(self.act_cfg), nn.Dropout(self.drop), x.shape[-1]
        x = drop(act(Linear(int(channels * self.mlp_ratio), name="mlp.fc1")(x)), deterministic=not train)
        return drop(Linear(channels, name="mlp.fc2")(x), deterministic=not train)

    def _map_mlp(self, x: Array, train: bool) -> Array:
        act, drop, channels = build_activation(self.act_cfg), nn.Dropout(self.drop), x.shape[-1]
        x = Conv(int(channels * self.mlp_ratio), 1, name="mlp.fc1")(x)
        x = drop(act(build_norm(BN, "mlp.norm1")(x, train)), deterministic=not train)
        x = build_norm(BN, "mlp.norm2")(Conv(channels, 1, name="mlp.fc2")(x), train)
        return drop(x, deterministic=not train)


class EfficientFormer(Backbone):
    """Images (N, H, W, C) -> a tuple of stages' outputs, (N, H / 4, W / 4, embed_dims[0]) the first of them, normed.

    The last stage ends with attention, which takes maps of 7x7, images of 224x224; its output is (N, 49, C).

    Attributes:
        arch: l1, l3, l7, or a dict of layers, embed_dims, downsamples, vit_num.
        pool_size: places down and across that the blocks without attention average.
        mlp_ratios: width within the parts that mix channels over that around them.
        reshape_last_feat: the output after attention is a map too.
        out_indices: the stages to return, from 0, negative ones from the end.
        frozen_stages: the stem and so many stages are as in evaluation and not trained; -1: nothing is.
        act_cfg: the activation where channels mix.
        drop_rate: dropout rate there.
        drop_path_rate: the last block's stochastic depth; it grows linearly from 0.
        use_layer_scale: a learnt factor for each channel of each part of a block.
        with_cp: activations of a block are computed again in the backward pass, to save memory.

    Raises:
        UserError: an architecture or stage that is not there, or an output that cannot be normed.
    """

    arch: str | Config = "l1"
    in_channels: int = 3
    pool_size: int = 3
    mlp_ratios: int = 4
    reshape_last_feat: bool = False
    out_indices: int | tuple[int, ...] = -1
    frozen_stages: int = -1
    act_cfg: Config = GELU
    drop_rate: float = 0.0
    drop_path_rate: float = 0.0
    use_layer_scale: bool = True
    with_cp: bool = False
    init_cfg: Any = None

    layout: ClassVar[Layout] = Layout(
        stem=("patch_embed",), blocks=("network.{stage}.{block}",), norms=("norm{stage}",), first=0
    )

    def __post_init__(self) -> None:
        settings, stages = self.settings, self.num_outputs
        if not len(settings["embed_dims"]) == len(settings["downsamples"]) == stages:
            raise UserError("arch: layers, embed_dims and downsamples need one value a stage each")
        if not 0 <= settings["vit_num"] <= settings["layers"][-1]:
            raise UserError(f"arch: vit_num={settings['vit_num']}; allowed: 0 to {settings['layers'][-1]}")
        is_last_returned = stages == _VIT_STAGE + 1 and _VIT_STAGE in self.returned
        if is_last_returned and settings["vit_num"] == 0 and not self.reshape_last_feat:
            raise UserError("arch: vit_num=0 needs reshape_last_feat=True: without attention the output is a map")
        super().__post_init__()

    @property
    def settings(self) -> Config:
        """Of the architecture."""
        return settings_of(self.arch, _ARCHITECTURES)

    @property
    def num_outputs(self) -> int:
        return len(self.settings["layers"])

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with batch statistics, dropout and stochastic depth, but for what is frozen."""
        for i, divisor in enumerate((2, 1)):
            width, name = self.settings["embed_dims"][0] // divisor, f"patch_embed.{i}"
            stem = ConvModule(width, 3, 2, 1, use_bias=True, own_init=KAIMING, name=name)
            x = stem(x, self.trains(0, train))
        outputs = []
        for index in range(self.num_outputs):
            x, size = self._stage(x, index, self.trains(index + 1, train))
            if index in self.returned:
                is_map = x.ndim == 4 or self.reshape_last_feat
                y = x.reshape(x.shape[0], *size, -1) if is_map else x
                norm_cfg = {"type": "GN", "num_groups": 1} if is_map else LN
                outputs.append(build_norm(norm_cfg, f"norm{index}")(y, train))
        return tuple(outputs)

    def _stage(self, x: Array, index: int, train: bool) -> tuple[Array, tuple[int, int]]:
        """Maps (N, H, W, C) -> maps or tokens, and how many places these have down and across."""
        depths, width, number = self.settings["layers"], self.settings["embed_dims"][index], 0
        if self.settings["downsamples"][index]:
            down = ConvModule(width, 3, 2, 1, layers=Layers(act_cfg=None), use_bias=True, name=f"network.{index}.0")
            x, number = down(x, train), 1
        size = x.shape[1:3]
        first_vit = depths[index] - self.settings["vit_num"] if index == _VIT_STAGE else depths[index] + 1
        for i, rate in enumerate(drop_path_rates(self.drop_path_rate, depths)[index]):
            if i == first_vit:  # flattening has a number in the original, as a layer has
                x, number = x.reshape(x.shape[0], -1, width), number + 1
            arguments = (self.pool_size, self.mlp_ratios, self.act_cfg, self.drop_rate, rate, self.use_layer_scale)
            x = self.checkpointed(MetaBlock, train)(*arguments, name=f"network.{index}.{number}")(x, train)
            number += 1
        return x, (size[0], size[1])
