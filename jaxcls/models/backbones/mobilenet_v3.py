"""MobileNetV3 (Howard et al. 2019, arXiv:1905.02244); mmcls/models/backbones/mobilenet_v3.py."""

from __future__ import annotations

from typing import Any, ClassVar

from flax import linen as nn
from jax import Array

from jaxcls.models.backbones.base import Backbone, Config, variant_of
from jaxcls.models.backbones.layout import Layout
from jaxcls.models.layers import ConvModule, InvertedResidual, Layers

_INIT = (
    {"type": "Kaiming", "layer": ("Conv2d",), "nonlinearity": "leaky_relu"},
    {"type": "Normal", "layer": ("Linear",), "std": 0.01},
    {"type": "Constant", "layer": ("BatchNorm2d",), "val": 1},
)
_HSWISH: Config = nn.FrozenDict({"type": "HSwish"})
_SE: Config = nn.FrozenDict({"ratio": 4, "act_cfg": ({"type": "ReLU"}, {"type": "HSigmoid"})})

# a block's window, inner channels, channels, whether it squeezes, activation and stride; tables 1 and 2 of the paper
_ARCHITECTURES = {
    "small": (
        (3, 16, 16, True, "ReLU", 2),
        (3, 72, 24, False, "ReLU", 2),
        (3, 88, 24, False, "ReLU", 1),
        (5, 96, 40, True, "HSwish", 2),
        (5, 240, 40, True, "HSwish", 1),
        (5, 240, 40, True, "HSwish", 1),
        (5, 120, 48, True, "HSwish", 1),
        (5, 144, 48, True, "HSwish", 1),
        (5, 288, 96, True, "HSwish", 2),
        (5, 576, 96, True, "HSwish", 1),
        (5, 576, 96, True, "HSwish", 1),
    ),
    "large": (
        (3, 16, 16, False, "ReLU", 1),
        (3, 64, 24, False, "ReLU", 2),
        (3, 72, 24, False, "ReLU", 1),
        (5, 72, 40, True, "ReLU", 2),
        (5, 120, 40, True, "ReLU", 1),
        (5, 120, 40, True, "ReLU", 1),
        (3, 240, 80, False, "HSwish", 2),
        (3, 200, 80, False, "HSwish", 1),
        (3, 184, 80, False, "HSwish", 1),
        (3, 184, 80, False, "HSwish", 1),
        (3, 480, 112, True, "HSwish", 1),
        (3, 672, 112, True, "HSwish", 1),
        (5, 672, 160, True, "HSwish", 2),
        (5, 960, 160, True, "HSwish", 1),
        (5, 960, 160, True, "HSwish", 1),
    ),
}


class MobileNetV3(Backbone):
    """Images (N, H, W, C) -> a tuple of layers' outputs, the last of them (N, H / 32, W / 32, 576 or 960).

    Attributes:
        arch: small or large.
        out_indices: the layers to return: the stem, 0, the blocks, and the last convolution; None: that one.
        frozen_stages: the layers up to this one are as in evaluation and not trained; -1: none.
        norm_eval: no batch statistics at all.
        with_cp: activations of a block are computed again in the backward pass, to save memory.

    Raises:
        UserError: an architecture or layer that is not there.
    """

    arch: str = "small"
    conv_cfg: Config | None = None
    norm_cfg: Config = nn.FrozenDict({"type": "BN", "eps": 0.001, "momentum": 0.01})
    out_indices: int | tuple[int, ...] | None = None
    frozen_stages: int = -1
    norm_eval: bool = False
    with_cp: bool = False
    init_cfg: Any = _INIT

    layout: ClassVar[Layout] = Layout(stem=("layer0",), blocks=("layer{stage}",))

    def __post_init__(self) -> None:
        if self.out_indices is None:
            self.out_indices = -1
        super().__post_init__()

    @property
    def blocks(self) -> tuple[Any, ...]:
        """What the architecture says of each."""
        return variant_of(self.arch, _ARCHITECTURES, "arch")

    @property
    def num_outputs(self) -> int:
        return len(self.blocks) + 2

    @property
    def num_stages_to_freeze(self) -> int:
        return self.num_outputs - 1

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with batch statistics, but for what is frozen."""
        layers, last = Layers(self.conv_cfg, self.norm_cfg, _HSWISH, self.norm_eval), self.num_outputs - 1
        x = ConvModule(16, 3, 2, 1, layers=layers, name="layer0")(x, self.trains(0, train))
        outputs = [x]
        for i, (window, mid, features, squeezes, act, stride) in enumerate(self.blocks, start=1):
            block_train = self.trains(i, train)
            x = self.checkpointed(InvertedResidual, block_train)(
                features,
                mid,
                window,
                stride,
                _SE if squeezes else None,
                layers.replace(act_cfg={"type": act}),
                name=f"layer{i}",
            )(x, block_train)
            outputs.append(x)
        features = 576 if self.arch == "small" else 960
        outputs.append(ConvModule(features, 1, layers=layers, name=f"layer{last}")(x, self.trains(last, train)))
        return tuple(outputs[index] for index in sorted(self.returned))
