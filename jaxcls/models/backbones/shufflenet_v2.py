"""ShuffleNetV2 (Ma et al. 2018, arXiv:1807.11164); mmcls/models/backbones/shufflenet_v2.py."""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.models.backbones.base import Backbone, Config, variant_of
from jaxcls.models.backbones.layout import Layout, by_stage
from jaxcls.models.layers import BN, RELU, ConvModule, Layers, channel_shuffle, max_pool

_DEPTHS = (4, 8, 4)
# widen_factor: channels of each stage and of the last convolution; table 5 of the paper
_CHANNELS = {
    0.5: (48, 96, 192, 1024),
    1.0: (116, 232, 464, 1024),
    1.5: (176, 352, 704, 1024),
    2.0: (244, 488, 976, 2048),
}


class ShuffleBlock(nn.Module):
    """Half of the channels as they are, half through three convolutions, then shuffled: (N, H, W, C) -> same.

    With stride 2 both halves are convolutions of all channels: (N, H / 2, W / 2, features).

    Attributes:
        features: channels of the result.
        stride: 1 or 2.
    """

    features: int
    stride: int = 1
    layers: Layers = Layers()

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics."""
        half = self.features // 2
        if self.stride > 1:
            kept, x = self._module(self._depthwise(x, "branch1.0", train), half, "branch1.1", train), x
        else:
            kept, x = x[..., : x.shape[-1] - x.shape[-1] // 2], x[..., x.shape[-1] - x.shape[-1] // 2 :]
        y = self._module(x, half, "branch2.0", train)
        y = self._module(self._depthwise(y, "branch2.1", train), half, "branch2.2", train)
        return channel_shuffle(jnp.concatenate([kept, y], axis=-1), 2)

    def _module(self, x: Array, features: int, name: str, train: bool) -> Array:
        return ConvModule(features, 1, layers=self.layers, name=name)(x, train)

    def _depthwise(self, x: Array, name: str, train: bool) -> Array:
        channels, linear = x.shape[-1], self.layers.replace(act_cfg=None)
        return ConvModule(channels, 3, self.stride, 1, groups=channels, layers=linear, name=name)(x, train)


class ShuffleNetV2(Backbone):
    """Images (N, H, W, C) -> a tuple of stages' outputs and the last convolution's, (N, H / 8, W / 8, C') the first.

    Attributes:
        widen_factor: 0.5, 1.0, 1.5 or 2.0.
        out_indices: what to return: the stages, 0 to 2, and the last convolution, 3.
        frozen_stages: the stem (0) and so many stages are not trained, their statistics included (the original's stem
            goes on to collect its); -1: none.
        norm_eval: no batch statistics at all.
        with_cp: activations of a block are computed again in the backward pass, to save memory.

    Raises:
        UserError: a width or stage that is not there.
    """

    widen_factor: float = 1.0
    out_indices: int | tuple[int, ...] = (3,)
    frozen_stages: int = -1
    conv_cfg: Config | None = None
    norm_cfg: Config = BN
    act_cfg: Config = RELU
    norm_eval: bool = False
    with_cp: bool = False
    init_cfg: Any = None

    layout: ClassVar[Layout] = Layout(
        stem=("conv1",), blocks=("layers.{stage}.{block}", "layers.{stage}"), first=0, place=by_stage
    )
    own_init: ClassVar[tuple[Config, ...]] = (
        {"type": "InverseOfChannels", "layer": "Conv2d", "override": {"name": "conv1", "type": "Normal", "std": 0.01}},
        {"type": "Constant", "layer": ("_BatchNorm", "GroupNorm"), "val": 1},
    )

    def __post_init__(self) -> None:
        variant_of(self.widen_factor, _CHANNELS, "widen_factor")
        super().__post_init__()

    @property
    def num_outputs(self) -> int:
        return len(_DEPTHS) + 1

    @property
    def num_stages_to_freeze(self) -> int:
        return len(_DEPTHS)

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with batch statistics, but for what is frozen."""
        layers, outputs = Layers(self.conv_cfg, self.norm_cfg, self.act_cfg, self.norm_eval), []
        *channels, last = _CHANNELS[self.widen_factor]
        x = max_pool(ConvModule(24, 3, 2, 1, layers=layers, name="conv1")(x, self.trains(0, train)), 3, 2, 1)
        for stage, (depth, features) in enumerate(zip(_DEPTHS, channels, strict=True)):
            stage_train = self.trains(stage + 1, train)
            block = self.checkpointed(ShuffleBlock, stage_train)
            for i in range(depth):
                x = block(features, 1 if i else 2, layers, name=f"layers.{stage}.{i}")(x, stage_train)
            outputs.append(x)
        outputs.append(ConvModule(last, 1, layers=layers, name=f"layers.{len(_DEPTHS)}")(x, train))
        return tuple(outputs[index] for index in sorted(self.returned))
