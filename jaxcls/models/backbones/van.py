"""VAN, the Visual Attention Network (Guo et al. 2022, arXiv:2202.09741); mmcls/models/backbones/van.py."""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.backbones.base import Backbone, Config, architectures, one_a_stage, settings_of
from jaxcls.models.backbones.layout import Layout
from jaxcls.models.layers import (
    BN,
    GELU,
    LN,
    Conv,
    DropPath,
    PatchEmbed,
    build_activation,
    build_norm,
    drop_path_rates,
    override,
    residual,
)
from jaxcls.models.layers.initializers import constant

_RATIOS = (8, 8, 4, 4)

# table 2 of the paper
_ARCHITECTURES = architectures(
    ("embed_dims", "depths", "ffn_ratios"),
    {
        ("b0", "t", "tiny"): ((32, 64, 160, 256), (3, 3, 5, 2), _RATIOS),
        ("b1", "s", "small"): ((64, 128, 320, 512), (2, 2, 4, 2), _RATIOS),
        ("b2", "b", "base"): ((64, 128, 320, 512), (3, 3, 12, 3), _RATIOS),
        ("b3", "l", "large"): ((64, 128, 320, 512), (3, 5, 27, 3), _RATIOS),
        ("b4",): ((64, 128, 320, 512), (3, 6, 40, 3), _RATIOS),
        ("b5",): ((96, 192, 480, 768), (3, 3, 24, 3), _RATIOS),
        ("b6",): ((96, 192, 384, 768), (6, 6, 90, 6), _RATIOS),
    },
)


class MixFFN(nn.Module):
    """A feed-forward part that sees the 3x3 neighbourhood: (N, H, W, C) -> same.

    Attributes:
        hidden_features: width within.
        drop_rate: of dropout, after the activation and at the end.
    """

    hidden_features: int
    act_cfg: Config = GELU
    drop_rate: float = 0.0

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with dropout."""
        hidden = self.hidden_features
        y = Conv(hidden, 1, name="fc1")(x)
        y = build_activation(self.act_cfg)(Conv(hidden, 3, padding=1, groups=hidden, name="dwconv")(y))
        y = nn.Dropout(self.drop_rate)(y, deterministic=not train)
        return nn.Dropout(self.drop_rate)(Conv(x.shape[-1], 1, name="fc2")(y), deterministic=not train)


class LKA(nn.Module):
    """Large kernel attention: each value weighted by what 21x21 positions around it say, (N, H, W, C) -> same."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        channels = x.shape[-1]
        y = Conv(channels, 5, padding=2, groups=channels, name="DW_conv")(x)
        y = Conv(channels, 7, padding=9, dilation=3, groups=channels, name="DW_D_conv")(y)
        return x * Conv(channels, 1, name="conv1")(y)


class SpatialAttention(nn.Module):
    """`LKA` between two 1x1 convolutions, added to its input: (N, H, W, C) -> same."""

    act_cfg: Config = GELU

    @nn.compact
    def __call__(self, x: Array) -> Array:
        y = build_activation(self.act_cfg)(Conv(x.shape[-1], 1, name="proj_1")(x))
        return residual(x, Conv(x.shape[-1], 1, name="proj_2")(LKA(name="spatial_gating_unit")(y)))


class VANBlock(nn.Module):
    """`SpatialAttention`, then `MixFFN`, each with a norm before it: (N, H, W, C) -> same.

    Attributes:
        ffn_ratio: width within `MixFFN` over C.
        drop_rate: of dropout.
        drop_path_rate: probability of dropping a branch.
        layer_scale_init_value: where the factors on the branches start; 0: no factors.
        norm_eval: no batch statistics.
    """

    ffn_ratio: float = 4.0
    drop_rate: float = 0.0
    drop_path_rate: float = 0.0
    act_cfg: Config = GELU
    norm_cfg: Config = BN
    layer_scale_init_value: float = 1e-2
    norm_eval: bool = False
    init_cfg: Any = None

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics, dropout and stochastic depth."""
        y = SpatialAttention(self.act_cfg, name="attn")(self._norm(x, 1, train))
        x = residual(x, self._branch(y, 1, train))
        ffn = MixFFN(int(x.shape[-1] * self.ffn_ratio), self.act_cfg, self.drop_rate, name="mlp")
        return residual(x, self._branch(ffn(self._norm(x, 2, train), train), 2, train))

    def _norm(self, x: Array, index: int, train: bool) -> Array:
        return build_norm(self.norm_cfg, f"norm{index}", use_running_average=self.norm_eval)(x, train)

    def _branch(self, y: Array, index: int, train: bool) -> Array:
        if self.layer_scale_init_value > 0:
            start = constant(self.layer_scale_init_value)
            factors = self.param(f"layer_scale_{index}", start, (y.shape[-1],), jnp.float32)
            y = y * factors.astype(y.dtype)
        return DropPath(self.drop_path_rate)(y, train)


class VAN(Backbone):
    """Images (N, H, W, C) -> a tuple of the stages' outputs, (N, H / 4, W / 4, C') the first.

    Attributes:
        arch: b0 (tiny) to b6, or a dict of `embed_dims`, `depths` and `ffn_ratios`, one of each a stage.
        patch_sizes: windows of the convolutions before each stage, of stride half a window, rounded up.
        drop_rate: of dropout in the blocks.
        drop_path_rate: probability of dropping the last block's branches; it grows linearly from 0 at the first.
        out_indices: the stages to return, from 0.
        frozen_stages: this stage, from 0, and those before it are as in evaluation and not trained; -1: none.
        norm_eval: no batch statistics at all.
        norm_cfg: of the norm at the end of each stage.
        block_cfgs: more arguments of `VANBlock`.
        with_cp: activations of a block are computed again in the backward pass, to save memory.

    Raises:
        UserError: an architecture or stage that is not there.
    """

    arch: str | Config = "tiny"
    patch_sizes: tuple[int, ...] = (7, 3, 3, 3)
    in_channels: int = 3
    drop_rate: float = 0.0
    drop_path_rate: float = 0.0
    out_indices: int | tuple[int, ...] = (3,)
    frozen_stages: int = -1
    norm_eval: bool = False
    norm_cfg: Config = LN
    block_cfgs: Config = nn.FrozenDict()
    with_cp: bool = False
    init_cfg: Any = None

    freezes_first_stage_with_stem: ClassVar[bool] = True
    layout: ClassVar[Layout] = Layout(
        stem=("patch_embed1",),
        blocks=("blocks{stage}.{block}",),
        before=("patch_embed{stage}",),
        after=("norm{stage}",),
    )

    def __post_init__(self) -> None:
        if len({len(values) for values in self.settings.values()}) > 1:
            raise UserError(f"arch={self.arch}; expected as many embed_dims as depths and ffn_ratios, one a stage")
        one_a_stage(self.patch_sizes, len(self.settings["depths"]), "patch_sizes")
        super().__post_init__()

    @property
    def settings(self) -> Config:
        """Of the architecture."""
        return settings_of(self.arch, _ARCHITECTURES)

    @property
    def num_outputs(self) -> int:
        return len(self.settings["depths"])

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with batch statistics, dropout and stochastic depth, but for what is frozen."""
        outputs, rates = [], drop_path_rates(self.drop_path_rate, self.settings["depths"])
        for index in range(self.num_outputs):
            stage_train = self.trains(index + 1, train)
            x = self.patches(x, index, stage_train and not self.norm_eval)
            for i, rate in enumerate(rates[index]):
                x = self.block(index, rate, f"blocks{index + 1}.{i}", stage_train)(x, stage_train)
            x = build_norm(self.norm_cfg, f"norm{index + 1}", use_running_average=self.norm_eval)(x, stage_train)
            if index in self.returned:
                outputs.append(x)
        return tuple(outputs)

    def patches(self, x: Array, index: int, train: bool) -> Array:
        """The convolution and norm before a stage: (N, H, W, C) -> (N, H', W', C')."""
        window = self.patch_sizes[index]
        return PatchEmbed(
            embed_dims=self.settings["embed_dims"][index],
            kernel_size=window,
            stride=window // 2 + 1,
            padding=(window // 2, window // 2),
            norm_cfg=BN,
            name=f"patch_embed{index + 1}",
        )(x, train)

    def block(self, index: int, rate: float, name: str, train: bool) -> VANBlock:
        return override(
            self.checkpointed(VANBlock, train),
            self.block_cfgs,
            "block_cfgs",
            ffn_ratio=self.settings["ffn_ratios"][index],
            drop_rate=self.drop_rate,
            drop_path_rate=rate,
            norm_eval=self.norm_eval,
            name=name,
        )
