"""ConvNeXt (Liu et al. 2022, arXiv:2201.03545) and ConvNeXt V2 (Woo et al. 2023, arXiv:2301.00808).

After mmcls/models/backbones/convnext.py; the second version after mmpretrain's file of that name.
"""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.backbones.base import Backbone, Config, architectures, settings_of
from jaxcls.models.backbones.layout import Layout, Place
from jaxcls.models.layers import (
    GELU,
    Conv,
    DropPath,
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
_INIT_V2: Config = nn.FrozenDict({"type": "TruncNormal", "layer": ("Conv2d", "Linear"), "std": 0.02, "bias": 0.0})

# section 3 of the first paper, appendix A of the second
_ARCHITECTURES = architectures(
    ("depths", "channels"),
    {
        ("atto",): ((2, 2, 6, 2), (40, 80, 160, 320)),
        ("femto",): ((2, 2, 6, 2), (48, 96, 192, 384)),
        ("pico",): ((2, 2, 6, 2), (64, 128, 256, 512)),
        ("nano",): ((2, 2, 8, 2), (80, 160, 320, 640)),
        ("tiny",): ((3, 3, 9, 3), (96, 192, 384, 768)),
        ("small",): ((3, 3, 27, 3), (96, 192, 384, 768)),
        ("base",): ((3, 3, 27, 3), (128, 256, 512, 1024)),
        ("large",): ((3, 3, 27, 3), (192, 384, 768, 1536)),
        ("xlarge",): ((3, 3, 27, 3), (256, 512, 1024, 2048)),
        ("huge",): ((3, 3, 27, 3), (352, 704, 1408, 2816)),
    },
)


def _in_threes(stage: int, block: int) -> Place:
    """Three blocks of the long third stage are one layer, each other stage is one (mmpretrain's `get_layer_depth`)."""
    return Place(stage, block // 3 if stage == 3 else 0)


class GRN(nn.Module):
    """Global response normalisation (section 3 of the second paper): (N, H, W, C) -> same.

    A channel is weighted by its norm over the positions, relative to the mean of all channels' norms.
    """

    eps: float = 1e-6

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """In the dtype of `x`, the norms in float32."""
        gamma, beta = (self.param(name, constant(0.0), (x.shape[-1],), jnp.float32) for name in ("gamma", "beta"))
        energy = jnp.sum(jnp.square(x.astype(jnp.float32)), (1, 2), keepdims=True)
        # The root has no gradient at 0, which a channel that an activation has cleared gives.
        norm = jnp.where(energy > 0, jnp.sqrt(jnp.where(energy > 0, energy, 1.0)), 0.0)
        weight = norm / (jnp.mean(norm, -1, keepdims=True) + self.eps)
        return x + x * (gamma.astype(jnp.float32) * weight).astype(x.dtype) + beta.astype(x.dtype)


class ConvNeXtBlock(nn.Module):
    """A convolution of each channel, a norm and two pointwise layers, four times as wide between them.

    (N, H, W, C) -> same, added to the input. The pointwise layers are `Linear` or, equal but for the layout of their
    kernels, 1x1 convolutions; what they give is scaled by a learnt factor a channel (none where its start is 0).
    With `use_grn` there is a `GRN` between them.
    """

    norm_cfg: Config = _LN2D
    act_cfg: Config = GELU
    linear_pw_conv: bool = True
    drop_path_rate: float = 0.0
    layer_scale_init_value: float = 1e-6
    use_grn: bool = False
    kernel_size: int = 7

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with stochastic depth."""
        channels, size = x.shape[-1], self.kernel_size
        y = Conv(channels, size, padding=size // 2, groups=channels, name="depthwise_conv")(x)
        y = build_norm(self.norm_cfg, "norm")(y, train)
        y = self._pointwise(4 * channels, "pointwise_conv1")(y)
        y = build_activation(self.act_cfg)(y)
        if self.use_grn:
            y = GRN(name="grn")(y)
        y = self._pointwise(channels, "pointwise_conv2")(y)
        if self.layer_scale_init_value > 0:
            gamma = self.param("gamma", constant(self.layer_scale_init_value), (channels,), jnp.float32)
            y = y * gamma.astype(y.dtype)
        return residual(x, DropPath(self.drop_path_rate)(y, train))

    def _pointwise(self, features: int, name: str) -> nn.Module:
        return Linear(features, name=name) if self.linear_pw_conv else Conv(features, 1, name=name)


class ConvNeXt(Backbone):
    """Images (N, H, W, C) -> a tuple of the stages' outputs, each through a norm of its own.

    These are (N, C'), or (N, H', W', C') where `gap_before_final_norm` is false; the first stage's H' is
    H / stem_patch_size, the others' half of that before.

    Attributes:
        arch: atto, femto, pico, nano, tiny, small, base, large, xlarge or huge, or a dict of `depths` and `channels`,
            one of each a stage.
        stem_patch_size: window and stride of the first convolution.
        norm_cfg: of all norms but those between the stages, which are layer norms with eps 1e-5.
        linear_pw_conv: whether pointwise layers are linear ones or 1x1 convolutions.
        use_grn: `GRN` in the blocks; the second version has it, and 0 as `layer_scale_init_value`.
        drop_path_rate: probability of dropping the last block's branch; it grows linearly from 0 at the first.
        layer_scale_init_value: where the factors on the blocks' branches start; 0: no factors.
        out_indices: the stages to return, from 0, or from the end where negative; one or several.
        frozen_stages: so many stages, with the layers before them, are as in evaluation and not trained.
        gap_before_final_norm: average over the positions before the last norm.
        with_cp: activations of a block are computed again in the backward pass, to save memory.
        init_cfg: by default PyTorch's initial values; with `use_grn` mmpretrain's.

    Raises:
        UserError: an architecture or stage that is not there.
    """

    arch: str | Config = "tiny"
    in_channels: int = 3  # the original's configs give it; the layers take what comes
    stem_patch_size: int = 4
    norm_cfg: Config = _LN2D
    act_cfg: Config = GELU
    linear_pw_conv: bool = True
    use_grn: bool = False
    drop_path_rate: float = 0.0
    layer_scale_init_value: float = 1e-6
    out_indices: int | tuple[int, ...] = -1
    frozen_stages: int = 0
    gap_before_final_norm: bool = True
    with_cp: bool = False
    init_cfg: Any = None

    layout: ClassVar[Layout] = Layout(
        stem=("downsample_layers.0",),
        blocks=("stages.{stage}.{block}",),
        before=("downsample_layers.{stage}",),
        rest=("norm{stage}",),
        first=0,
        place=_in_threes,
    )

    def __post_init__(self) -> None:
        if len(self.depths) != len(self.channels):
            raise UserError(f"arch={self.arch}; expected as many depths as channels, one of each a stage")
        if self.use_grn and self.init_cfg is None:
            self.init_cfg = _INIT_V2
        super().__post_init__()

    @property
    def num_outputs(self) -> int:
        return len(self.depths)

    @property
    def frozen_through(self) -> int:
        return self.frozen_stages or -1

    @property
    def depths(self) -> tuple[int, ...]:
        """Blocks of each stage."""
        return settings_of(self.arch, _ARCHITECTURES)["depths"]

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of each stage."""
        return settings_of(self.arch, _ARCHITECTURES)["channels"]

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with stochastic depth, but for what is frozen."""
        outputs = []
        rates = drop_path_rates(self.drop_path_rate, self.depths)
        for index, features in enumerate(self.channels):
            stage_train = self.trains(index + 1, train)
            x = self.downsample(x, index, features, stage_train)
            x = self.stage(x, index, rates[index], stage_train)
            if index in self.returned:
                y = global_avg_pool(x) if self.gap_before_final_norm else x
                outputs.append(build_norm(self.norm_cfg, f"norm{index}")(y, train))
        return tuple(outputs)

    def downsample(self, x: Array, index: int, features: int, train: bool) -> Array:
        """What stands before a stage: the stem, or a norm and a 2x2 convolution of stride 2."""
        first, second = (f"downsample_layers.{index}.{i}" for i in range(2))
        if index == 0:
            x = Conv(features, self.stem_patch_size, self.stem_patch_size, name=first)(x)
            return build_norm(self.norm_cfg, second)(x, train)
        return Conv(features, 2, 2, name=second)(LayerNorm(name=first)(x))

    def stage(self, x: Array, index: int, rates: tuple[float, ...], train: bool) -> Array:
        """A stage's blocks: (N, H, W, C) -> same."""
        for i, rate in enumerate(rates):
            x = self.checkpointed(ConvNeXtBlock, train)(
                self.norm_cfg,
                self.act_cfg,
                self.linear_pw_conv,
                rate,
                self.layer_scale_init_value,
                self.use_grn,
                name=f"stages.{index}.{i}",
            )(x, train)
        return x
