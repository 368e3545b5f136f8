"""ShuffleNet (Zhang et al. 2018, arXiv:1707.01083); mmcls/models/backbones/shufflenet_v1.py."""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.models.backbones.base import Backbone, Config, variant_of
from jaxcls.models.backbones.layout import Layout, by_stage
from jaxcls.models.layers import (
    BN,
    RELU,
    ConvModule,
    Layers,
    avg_pool,
    channel_shuffle,
    make_divisible,
    max_pool,
    residual,
)

_DEPTHS = (4, 8, 4)
# groups: channels of each stage; table 1 of the paper
_CHANNELS = {
    1: (144, 288, 576),
    2: (200, 400, 800),
    3: (240, 480, 960),
    4: (272, 544, 1088),
    8: (384, 768, 1536),
}


class ShuffleUnit(nn.Module):
    """Grouped 1x1, depthwise 3x3 and grouped 1x1 convolutions, the channels shuffled after the second.

    (N, H, W, C) -> same, added to the input; or with `combine` concat (N, H / 2, W / 2, features), beside the pooled
    input.

    Attributes:
        features: channels of the result.
        groups: of the 1x1 convolutions.
        first_block: the first convolution is not grouped.
        combine: add or concat.
    """

    features: int
    groups: int = 3
    first_block: bool = True
    combine: str = "add"
    layers: Layers = Layers()

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics."""
        concat, linear = self.combine == "concat", self.layers.replace(act_cfg=None)
        inner, added = self.features // 4, self.features - x.shape[-1] if concat else self.features
        groups = 1 if self.first_block else self.groups
        y = ConvModule(inner, 1, groups=groups, layers=self.layers, name="g_conv_1x1_compress")(x, train)
        stride = 2 if concat else 1
        y = ConvModule(inner, 3, stride, 1, groups=inner, layers=linear, name="depthwise_conv3x3_bn")(y, train)
        y = channel_shuffle(y, self.groups)
        y = ConvModule(added, 1, groups=self.groups, layers=linear, name="g_conv_1x1_expand")(y, train)
        if concat:
            return jnp.concatenate([avg_pool(x, 3, 2, 1), self.layers.act(y)], axis=-1)
        return self.layers.act(residual(x, y))


class ShuffleNetV1(Backbone):
    """Images (N, H, W, C) -> a tuple of stages' outputs, (N, H / 8, W / 8, C') the first of them.

    Attributes:
        groups: of the 1x1 convolutions: 1, 2, 3, 4 or 8.
        widen_factor: a factor on all channels.
        out_indices: the stages to return, from 0.
        frozen_stages: the stem (0) and so many stages are not trained, their statistics included (the original's stem
            goes on to collect its); -1: none.
        norm_eval: no batch statistics at all.
        with_cp: activations of a block are computed again in the backward pass, to save memory.

    Raises:
        UserError: groups or stages that are not there.
    """

    groups: int = 3
    widen_factor: float = 1.0
    out_indices: int | tuple[int, ...] = (2,)
    frozen_stages: int = -1
    conv_cfg: Config | None = None
    norm_cfg: Config = BN
    act_cfg: Config = RELU
    norm_eval: bool = False
    with_cp: bool = False
    init_cfg: Any = None

    layout: ClassVar[Layout] = Layout(stem=("conv1",), blocks=("layers.{stage}.{block}",), first=0, place=by_stage)
    own_init: ClassVar[tuple[Config, ...]] = (
        {"type": "InverseOfChannels", "layer": "Conv2d", "override": {"name": "conv1", "type": "Normal", "std": 0.01}},
        {"type": "Constant", "layer": ("_BatchNorm", "GroupNorm"), "val": 1, "bias": 0.0001},
    )

    def __post_init__(self) -> None:
        variant_of(self.groups, _CHANNELS, "groups")
        super().__post_init__()

    @property
    def num_outputs(self) -> int:
        return len(_DEPTHS)

    @property
    def num_stages_to_freeze(self) -> int:
        return len(_DEPTHS)

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with batch statistics, but for what is frozen."""
        layers, outputs = Layers(self.conv_cfg, self.norm_cfg, self.act_cfg, self.norm_eval), []
        stem = int(24 * self.widen_factor)
        x = max_pool(ConvModule(stem, 3, 2, 1, layers=layers, name="conv1")(x, self.trains(0, train)), 3, 2, 1)
        for stage, (depth, channels) in enumerate(zip(_DEPTHS, _CHANNELS[self.groups], strict=True)):
            features, stage_train = make_divisible(channels * self.widen_factor), self.trains(stage + 1, train)
            unit = self.checkpointed(ShuffleUnit, stage_train)
            for i in range(depth):
                kind = (stage == 0 and i == 0, "add" if i else "concat")
                x = unit(features, self.groups, *kind, layers, name=f"layers.{stage}.{i}")(x, stage_train)
            if stage in self.returned:
                outputs.append(x)
        return tuple(outputs)
