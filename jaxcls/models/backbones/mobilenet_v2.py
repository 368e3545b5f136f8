"""MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381); mmcls/models/backbones/mobilenet_v2.py."""

from __future__ import annotations

from typing import Any, ClassVar

from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.backbones.base import Backbone, Config
from jaxcls.models.backbones.layout import Layout, by_stage
from jaxcls.models.layers import BN, ConvModule, Layers, make_divisible, residual

_RELU6: Config = nn.FrozenDict({"type": "ReLU6"})
_INIT = (
    {"type": "Kaiming", "layer": ("Conv2d",)},
    {"type": "Constant", "val": 1, "layer": ("_BatchNorm", "GroupNorm")},
)

# a stage's expansion, channels, blocks and stride; table 2 of the paper
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_LAST = len(_STAGES)  # the index of the 1x1 convolution after the stages


class InvertedResidual(nn.Module):
    """A 1x1 convolution that expands, a 3x3 one of each channel, a linear 1x1 one that projects.

    (N, H, W, C) -> (N, ceil(H / stride), ceil(W / stride), features); with stride 1 and as many features as channels
    that is added to the input.
    Without expansion (`expand_ratio` 1) the first convolution is left out, and the others' names count from 0.
    """

    features: int
    stride: int
    expand_ratio: int
    layers: Layers = Layers(act_cfg=_RELU6)

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics."""
        hidden, linear = x.shape[-1] * self.expand_ratio, self.layers.replace(act_cfg=None)
        y, first = x, 0
        if self.expand_ratio != 1:
            y, first = ConvModule(hidden, 1, layers=self.layers, name="conv.0")(y, train), 1
        y = ConvModule(hidden, 3, self.stride, 1, groups=hidden, layers=self.layers, name=f"conv.{first}")(y, train)
        y = ConvModule(self.features, 1, layers=linear, name=f"conv.{first + 1}")(y, train)
        return residual(x, y) if self.stride == 1 and self.features == x.shape[-1] else y


class MobileNetV2(Backbone):
    """Images (N, H, W, C) -> a tuple of outputs, the last of them (N, H / 32, W / 32, 1280).

    Attributes:
        widen_factor: a factor on all channels, above 0; below 1 the last convolution keeps its 1280.
        out_indices: what to return: the stages, 0 to 6, and the last convolution, 7.
        frozen_stages: the stem (0) and so many stages are not trained, their statistics included (the original's
            stem goes on to collect its); -1: none.
        norm_eval: no batch statistics at all.
        with_cp: activations of a block are computed again in the backward pass, to save memory.

    Raises:
        UserError: a width, index or stage that is not there.
    """

    widen_factor: float = 1.0
    out_indices: int | tuple[int, ...] = (_LAST,)
    frozen_stages: int = -1
    conv_cfg: Config | None = None
    norm_cfg: Config | None = BN
    act_cfg: Config | None = _RELU6
    norm_eval: bool = False
    with_cp: bool = False
    init_cfg: Any = _INIT

    layout: ClassVar[Layout] = Layout(
        stem=("conv1",), blocks=("layer{stage}.{block}",), rest=("conv2",), place=by_stage
    )

    def __post_init__(self) -> None:
        if self.widen_factor <= 0:
            raise UserError(f"widen_factor={self.widen_factor}; allowed: above 0")
        super().__post_init__()

    @property
    def num_outputs(self) -> int:
        return _LAST + 1

    @property
    def num_stages_to_freeze(self) -> int:
        return _LAST

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with batch statistics, but for what is frozen."""
        layers = Layers(self.conv_cfg, self.norm_cfg, self.act_cfg, self.norm_eval)
        stem = make_divisible(32 * self.widen_factor)
        x = ConvModule(stem, 3, 2, 1, layers=layers, name="conv1")(x, self.trains(0, train))
        outputs = []
        for index, (expand_ratio, channels, depth, stride) in enumerate(_STAGES):
            features, stage_train = make_divisible(channels * self.widen_factor), self.trains(index + 1, train)
            block = self.checkpointed(InvertedResidual, stage_train)
            for i in range(depth):
                name = f"layer{index + 1}.{i}"
                x = block(features, 1 if i else stride, expand_ratio, layers, name=name)(x, stage_train)
            outputs.append(x)
        features = int(1280 * max(1.0, self.widen_factor))
        outputs.append(ConvModule(features, 1, layers=layers, name="conv2")(x, train))
        return tuple(outputs[index] for index in sorted(self.returned))
