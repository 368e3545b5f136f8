"""PoolFormer (Yu et al. 2022, arXiv:2111.11418); mmcls/models/backbones/poolformer.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.backbones.base import Backbone, Config, architectures, settings_of
from jaxcls.models.backbones.layout import Layout
from jaxcls.models.layers import GELU, Conv, DropPath, avg_pool, build_activation, build_norm, drop_path_rates, residual
from jaxcls.models.layers.initializers import constant

_GN: Config = nn.FrozenDict({"type": "GN", "num_groups": 1})
_MLP_RATIOS = (4, 4, 4, 4)

# table 1 of the paper
_ARCHITECTURES = architectures(
    ("layers", "embed_dims", "mlp_ratios", "layer_scale_init_value"),
    {
        ("s12",): ((2, 2, 6, 2), (64, 128, 320, 512), _MLP_RATIOS, 1e-5),
        ("s24",): ((4, 4, 12, 4), (64, 128, 320, 512), _MLP_RATIOS, 1e-5),
        ("s36",): ((6, 6, 18, 6), (64, 128, 320, 512), _MLP_RATIOS, 1e-6),
        ("m36",): ((6, 6, 18, 6), (96, 192, 384, 768), _MLP_RATIOS, 1e-6),
        ("m48",): ((8, 8, 24, 8), (96, 192, 384, 768), _MLP_RATIOS, 1e-6),
    },
)


class Patches(nn.Module):
    """A convolution that makes patches, or larger ones of them: (N, H, W, C) -> (N, H', W', features)."""

    features: int
    kernel_size: int
    stride: int
    padding: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        return Conv(self.features, self.kernel_size, self.stride, self.padding, name="proj")(x)


class Mlp(nn.Module):
    """Two 1x1 convolutions with an activation between, dropout after each: (N, H, W, C) -> same."""

    hidden_features: int
    act_cfg: Config = GELU
    drop_rate: float = 0.0

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with dropout."""
        y = build_activation(self.act_cfg)(Conv(self.hidden_features, 1, name="fc1")(x))
        y = nn.Dropout(self.drop_rate)(y, deterministic=not train)
        return nn.Dropout(self.drop_rate)(Conv(x.shape[-1], 1, name="fc2")(y), deterministic=not train)


class PoolFormerBlock(nn.Module):
    """What the neighbours' mean has more than a position, then an `Mlp`: (N, H, W, C) -> same.

    Attributes:
        pool_size: side of the windows of the mean.
        mlp_ratio: width within the `Mlp` over C.
        drop_rate: of dropout.
        drop_path_rate: probability of dropping a branch.
        layer_scale_init_value: where the factors on the branches start.
    """

    pool_size: int = 3
    mlp_ratio: float = 4.0
    norm_cfg: Config = _GN
    act_cfg: Config = GELU
    drop_rate: float = 0.0
    drop_path_rate: float = 0.0
    layer_scale_init_value: float = 1e-5

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with dropout and stochastic depth."""
        y = build_norm(self.norm_cfg, "norm1")(x, train)
        y = avg_pool(y, self.pool_size, 1, self.pool_size // 2, count_include_pad=False) - y
        x = residual(x, self._branch(y, 1, train))
        y = build_norm(self.norm_cfg, "norm2")(x, train)
        y = Mlp(int(x.shape[-1] * self.mlp_ratio), self.act_cfg, self.drop_rate, name="mlp")(y, train)
        return residual(x, self._branch(y, 2, train))

    def _branch(self, y: Array, index: int, train: bool) -> Array:
        start = constant(self.layer_scale_init_value)
        factors = self.param(f"layer_scale_{index}", start, (y.shape[-1],), jnp.float32)
        return DropPath(self.drop_path_rate)(y * factors.astype(y.dtype), train)


class PoolFormer(Backbone):
    """Images (N, H, W, C) -> a tuple of outputs (N, H', W', C'), each through a norm of its own.

    Stages and the convolutions between them are counted together: 0 is the first stage, 1 the convolution after it,
    6 the last stage of four.

    Attributes:
        arch: s12, s24, s36, m36 or m48, or a dict of `layers` and `embed_dims`, one of each a stage, and, where they
            are not 4 and 1e-5, `mlp_ratios` and `layer_scale_init_value`.
        pool_size: side of the windows that a block takes the mean of, odd.
        in_patch_size: window of the first convolution; `in_stride`, `in_pad`: its stride and zeros on each side.
        down_patch_size: window of those between stages; `down_stride`, `down_pad`: the same.
        drop_rate: of dropout in the blocks.
        drop_path_rate: probability of dropping the last block's branches; it grows linearly from 0 at the first.
        out_indices: what to return, counted as above, negative ones from the end.
        frozen_stages: so many, counted as above, and the first convolution are as in evaluation and not trained. With
            0, the default, the first convolution alone is frozen, as in the original; -1: nothing is.
        with_cp: activations of a block are computed again in the backward pass, to save memory.

    Raises:
        UserError: an architecture or output that is not there, or windows without a middle.
    """

    arch: str | Config = "s12"
    pool_size: int = 3
    norm_cfg: Config = _GN
    act_cfg: Config = GELU
    in_patch_size: int = 7
    in_stride: int = 4
    in_pad: int = 2
    down_patch_size: int = 3
    down_stride: int = 2
    down_pad: int = 1
    drop_rate: float = 0.0
    drop_path_rate: float = 0.0
    out_indices: int | tuple[int, ...] = -1
    frozen_stages: int = 0
    with_cp: bool = False
    init_cfg: Any = None

    layout: ClassVar[Layout] = Layout(
        stem=("patch_embed",), blocks=("network.{stage}.{block}", "network.{stage}"), norms=("norm{stage}",), first=0
    )

    def __post_init__(self) -> None:
        counts = {len(self.settings[key]) for key in ("layers", "embed_dims", "mlp_ratios")}
        if len(counts) > 1:
            raise UserError(f"arch={self.arch}; expected as many layers as embed_dims and mlp_ratios, one a stage")
        if self.pool_size % 2 == 0:
            raise UserError(f"pool_size={self.pool_size}; expected an odd number")
        super().__post_init__()

    @property
    def settings(self) -> Config:
        """Of the architecture."""
        if not isinstance(self.arch, Mapping):
            return settings_of(self.arch, _ARCHITECTURES)
        defaults = {"mlp_ratios": (4,) * len(self.arch.get("layers", ())), "layer_scale_init_value": 1e-5}
        return settings_of({**defaults, **self.arch}, _ARCHITECTURES)

    @property
    def network(self) -> list[int | None]:
        """What is counted: the stages, by number, and None for the convolutions, which only wider stages have."""
        widths, places = self.settings["embed_dims"], list[int | None]()
        for stage, width in enumerate(widths):
            if stage and width != widths[stage - 1]:
                places.append(None)
            places.append(stage)
        return places

    @property
    def num_outputs(self) -> int:
        return len(self.network)

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with dropout and stochastic depth, but for what is frozen."""
        widths, network, outputs = self.settings["embed_dims"], self.network, []
        x = Patches(widths[0], self.in_patch_size, self.in_stride, self.in_pad, name="patch_embed")(x)
        for index, stage in enumerate(network):
            if stage is None:
                windows = (self.down_patch_size, self.down_stride, self.down_pad)
                x = Patches(widths[network[index + 1]], *windows, name=f"network.{index}")(x)
            else:
                x = self.stage(x, stage, index, self.trains(index + 1, train))
            if index in self.returned:
                outputs.append(build_norm(self.norm_cfg, f"norm{index}")(x, self.trains(index + 1, train)))
        return tuple(outputs)

    def stage(self, x: Array, stage: int, index: int, train: bool) -> Array:
        """A stage's blocks: (N, H, W, C) -> same."""
        settings, block = self.settings, self.checkpointed(PoolFormerBlock, train)
        for i, rate in enumerate(drop_path_rates(self.drop_path_rate, settings["layers"])[stage]):
            x = block(
                self.pool_size,
                settings["mlp_ratios"][stage],
                self.norm_cfg,
                self.act_cfg,
                self.drop_rate,
                rate,
                settings["layer_scale_init_value"],
                name=f"network.{index}.{i}",
            )(x, train)
        return x
