"""EdgeNeXt (Maaz et al. 2022, arXiv:2206.10589); mmpretrain/models/backbones/edgenext.py."""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.backbones.base import Backbone, Config, architectures, one_a_stage, settings_of
from jaxcls.models.backbones.convnext import ConvNeXtBlock
from jaxcls.models.backbones.layout import Layout, by_stage
from jaxcls.models.layers import (
    GELU,
    LN,
    ChannelMultiheadAttention,
    Conv,
    DropPath,
    FourierPosition,
    LayerNorm,
    Linear,
    build_activation,
    build_norm,
    drop_path_rates,
    global_avg_pool,
    residual,
)
from jaxcls.models.layers.initializers import constant

_LN2D: Config = nn.FrozenDict({"type": "LN2d", "eps": 1e-6})

# table 1 of the paper
_ARCHITECTURES = architectures(
    ("channels", "depths", "num_heads"),
    {
        ("xxsmall",): ((24, 48, 88, 168), (2, 2, 6, 2), (4, 4, 4, 4)),
        ("xsmall",): ((32, 64, 100, 192), (3, 3, 9, 3), (4, 4, 4, 4)),
        ("small",): ((48, 96, 160, 304), (3, 3, 9, 3), (8, 8, 8, 8)),
        ("base",): ((80, 160, 288, 584), (3, 3, 9, 3), (8, 8, 8, 8)),
    },
)


class SDTAEncoder(nn.Module):
    """Convolutions of growing reach, attention among channels and two pointwise layers: (N, H, W, C) -> same.

    The channels are split; each part but the last is convolved, with what the part before it gave. As in the original,
    norms and activation are its own, whatever the backbone's are.

    Attributes:
        scales: how many parts there are.
        num_heads: of the attention, a divisor of C.
        mlp_ratio: width between the pointwise layers, to C.
        use_pos_emb: positions are added before the attention.
        drop_path_rate: probability of dropping attention or block for a sample.
        layer_scale_init_value: where the learnt factors on both start.
    """

    scales: int
    num_heads: int
    mlp_ratio: int = 4
    use_pos_emb: bool = True
    drop_path_rate: float = 0.0
    layer_scale_init_value: float = 1e-6

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with stochastic depth."""
        channels, drop_path = x.shape[-1], DropPath(self.drop_path_rate)
        y = self._convolved(x)
        if self.use_pos_emb:
            y = FourierPosition(name="pos_embed")(y)
        tokens = y.reshape(x.shape[0], -1, channels)
        attend = ChannelMultiheadAttention(self.num_heads, qkv_bias=True, factor="head_scale", name="csa")
        attended = self._scaled(attend(LayerNorm(name="norm_csa")(tokens), train), "gamma_csa")
        y = residual(tokens, drop_path(attended, train)).reshape(x.shape)
        y = Linear(self.mlp_ratio * channels, name="pointwise_conv1")(LayerNorm(name="norm")(y))
        y = Linear(channels, name="pointwise_conv2")(build_activation(GELU)(y))
        return residual(x, drop_path(self._scaled(y, "gamma"), train))

    def _convolved(self, x: Array) -> Array:
        """(N, H, W, C) -> same, split and joined again."""
        channels = x.shape[-1]
        width = -(-channels // self.scales)
        *parts, rest = (x[..., start : start + width] for start in range(0, channels, width))
        if not 0 < len(parts) == self.scales - 1:
            raise UserError(f"d2_scales: {channels} channels do not split into {self.scales} parts; at least 2 of them")
        done: list[Array] = []
        for i, part in enumerate(parts):
            part = part + done[-1] if done else part
            done.append(Conv(width, 3, padding=1, groups=width, name=f"conv_modules.{i}")(part))
        return jnp.concatenate([*done, rest], axis=-1)

    def _scaled(self, x: Array, name: str) -> Array:
        factor = self.param(name, constant(self.layer_scale_init_value), (x.shape[-1],), jnp.float32)
        return x * factor.astype(x.dtype)


class EdgeNeXt(Backbone):
    """Images (N, H, W, C) -> a tuple of the stages' outputs, each through a norm of its own.

    These are (N, C'), or (N, H', W', C') where `gap_before_final_norm` is false, with H / 4 in the first stage.

    Attributes:
        arch: xxsmall, xsmall, small or base, or a dict of channels, depths and num_heads, one of each a stage.
        global_blocks: how many of a stage's last blocks attend.
        global_block_type: `None` or `SDTA`; the original reads nothing else from it.
        drop_path_rate: probability of dropping the last block's branch; it grows linearly from 0 at the first.
        layer_scale_init_value: where the factors of the blocks that convolve start; 0: no factors.
        linear_pw_conv: whether their pointwise layers are linear ones or 1x1 convolutions.
        mlp_ratio: width within the blocks that attend, to that around them.
        conv_kernel_sizes: of each stage's blocks that convolve.
        use_pos_embd_csa: whether each stage's blocks that attend know positions.
        use_pos_embd_global: positions are added after the first stage.
        d2_scales: parts that each stage's blocks that attend split the channels into.
        norm_cfg: of all norms, but in blocks that attend.
        out_indices: the stages to return, from 0.
        frozen_stages: so many stages, with the layers before them, are as in evaluation and not trained.
        with_cp: activations of a block are computed again in the backward pass, to save memory.
        gap_before_final_norm: average over the positions before the last norm, which is a layer norm with eps 1e-5.

    Raises:
        UserError: an architecture or stage that is not there, or lists too short for it.
    """

    arch: str | Config = "xxsmall"
    in_channels: int = 3  # the original's configs give it; the layers take what comes
    global_blocks: tuple[int, ...] = (0, 1, 1, 1)
    global_block_type: tuple[str, ...] = ("None", "SDTA", "SDTA", "SDTA")
    drop_path_rate: float = 0.0
    layer_scale_init_value: float = 1e-6
    linear_pw_conv: bool = True
    mlp_ratio: int = 4
    conv_kernel_sizes: tuple[int, ...] = (3, 5, 7, 9)
    use_pos_embd_csa: tuple[bool, ...] = (False, True, False, False)
    use_pos_embd_global: bool = False
    d2_scales: tuple[int, ...] = (2, 2, 3, 4)
    norm_cfg: Config = _LN2D
    out_indices: int | tuple[int, ...] = -1
    frozen_stages: int = 0
    with_cp: bool = False
    gap_before_final_norm: bool = True
    act_cfg: Config = GELU
    init_cfg: Any = None

    layout: ClassVar[Layout] = Layout(
        stem=("downsample_layers.0",),
        blocks=("stages.{stage}.{block}",),
        before=("downsample_layers.{stage}",),
        rest=("norm{stage}", "pos_embed"),
        first=0,
        place=by_stage,
    )

    def __post_init__(self) -> None:
        if not set(self.global_block_type) <= {"None", "SDTA"}:
            raise UserError(f"global_block_type={self.global_block_type}; allowed: None, SDTA")
        for name in ("global_blocks", "conv_kernel_sizes", "use_pos_embd_csa", "d2_scales"):
            one_a_stage(getattr(self, name), self.num_outputs, name)
        super().__post_init__()

    @property
    def settings(self) -> Config:
        """Of the architecture."""
        return settings_of(self.arch, _ARCHITECTURES)

    @property
    def num_outputs(self) -> int:
        return len(self.settings["depths"])

    @property
    def frozen_through(self) -> int:
        return self.frozen_stages or -1

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with stochastic depth, but for what is frozen."""
        outputs = []
        rates = drop_path_rates(self.drop_path_rate, self.settings["depths"])
        for index, features in enumerate(self.settings["channels"]):
            stage_train = self.trains(index + 1, train)
            x = self._downsample(x, index, features, stage_train)
            for i, rate in enumerate(rates[index]):
                attends = i >= len(rates[index]) - self.global_blocks[index]
                make = self._attending if attends else self._convolving
                x = make(index, rate, i, stage_train)(x, stage_train)
            if self.use_pos_embd_global and index == 0:
                x = FourierPosition(name="pos_embed")(x)
            if index in self.returned:
                y = global_avg_pool(x) if self.gap_before_final_norm else x
                norm_cfg = LN if self.gap_before_final_norm else self.norm_cfg
                outputs.append(build_norm(norm_cfg, f"norm{index}")(y, train))
        return tuple(outputs)

    def _downsample(self, x: Array, index: int, features: int, train: bool) -> Array:
        first, second = (f"downsample_layers.{index}.{i}" for i in range(2))
        if index == 0:
            return build_norm(self.norm_cfg, second)(Conv(features, 4, 4, name=first)(x), train)
        return Conv(features, 2, 2, name=second)(build_norm(self.norm_cfg, first)(x, train))

    def _convolving(self, stage: int, rate: float, i: int, train: bool) -> nn.Module:
        return self.checkpointed(ConvNeXtBlock, train)(
            self.norm_cfg,
            self.act_cfg,
            self.linear_pw_conv,
            rate,
            self.layer_scale_init_value,
            kernel_size=self.conv_kernel_sizes[stage],
            name=f"stages.{stage}.{i}",
        )

    def _attending(self, stage: int, rate: float, i: int, train: bool) -> nn.Module:
        heads, positions = self.settings["num_heads"][stage], self.use_pos_embd_csa[stage]
        name = f"stages.{stage}.{i}"
        block = self.checkpointed(SDTAEncoder, train)
        return block(self.d2_scales[stage], heads, self.mlp_ratio, positions, rate, name=name)
