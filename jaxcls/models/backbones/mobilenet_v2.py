"""MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381); mmcls/models/backbones/mobilenet_v2.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.backbones.base import Backbone
from jaxcls.models.layers import ConvModule

Config = Mapping[str, Any]

_BN: Config = nn.FrozenDict({"type": "BN"})
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


def make_divisible(channels: float, divisor: int = 8) -> int:
    """The multiple of `divisor` nearest to `channels`, at least one of them and no more than 10% below."""
    nearest = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return nearest if nearest >= 0.9 * channels else nearest + divisor


class InvertedResidual(nn.Module):
    """A 1x1 convolution that expands, a 3x3 one of each channel, a linear 1x1 one that projects.

    (N, H, W, C) -> (N, ceil(H / stride), ceil(W / stride), features); with stride 1 and as many features as channels
    that is added to the input.
    Without expansion (`expand_ratio` 1) the first convolution is left out, and the others' names count from 0.
    """

    features: int
    stride: int
    expand_ratio: int
    conv_cfg: Config | None = None
    norm_cfg: Config | None = _BN
    act_cfg: Config | None = _RELU6

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics."""
        hidden = x.shape[-1] * self.expand_ratio
        layers: dict[str, Any] = {"conv_cfg": self.conv_cfg, "norm_cfg": self.norm_cfg}
        filtering: dict[str, Any] = {"stride": self.stride, "padding": 1, "groups": hidden}
        y, first = x, 0
        if self.expand_ratio != 1:
            y, first = ConvModule(hidden, 1, **layers, act_cfg=self.act_cfg, name="conv.0")(y, train), 1
        y = ConvModule(hidden, 3, **filtering, **layers, act_cfg=self.act_cfg, name=f"conv.{first}")(y, train)
        y = ConvModule(self.features, 1, **layers, name=f"conv.{first + 1}")(y, train)
        return x + y if self.stride == 1 and self.features == x.shape[-1] else y


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
    out_indices: tuple[int, ...] = (_LAST,)
    frozen_stages: int = -1
    conv_cfg: Config | None = None
    norm_cfg: Config | None = _BN
    act_cfg: Config | None = _RELU6
    norm_eval: bool = False
    with_cp: bool = False
    init_cfg: Any = _INIT

    def __post_init__(self) -> None:
        if self.widen_factor <= 0:
            raise UserError(f"widen_factor={self.widen_factor}; allowed: above 0")
        if not isinstance(self.out_indices, tuple | list) or not set(self.out_indices) <= set(range(_LAST + 1)):
            raise UserError(f"out_indices={self.out_indices}; allowed: a list of 0 to {_LAST}")
        if self.frozen_stages not in range(-1, _LAST + 1):
            raise UserError(f"frozen_stages={self.frozen_stages}; allowed: -1 to {_LAST}")
        super().__post_init__()

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with batch statistics, but for what is frozen."""
        block = nn.remat(InvertedResidual, static_argnums=(2,)) if train and self.with_cp else InvertedResidual
        layers: dict[str, Any] = {"conv_cfg": self.conv_cfg, "norm_cfg": self.norm_cfg, "act_cfg": self.act_cfg}
        norm_train = train and not self.norm_eval
        stem_train = norm_train and self.frozen_stages < 0
        x = ConvModule(make_divisible(32 * self.widen_factor), 3, 2, 1, **layers, name="conv1")(x, stem_train)
        outputs = []
        for index, (expand_ratio, channels, depth, stride) in enumerate(_STAGES):
            features = make_divisible(channels * self.widen_factor)
            stage_train = norm_train and index >= self.frozen_stages
            for i in range(depth):
                name = f"layer{index + 1}.{i}"
                x = block(features, 1 if i else stride, expand_ratio, **layers, name=name)(x, stage_train)
            outputs.append(x)
        features = int(1280 * max(1.0, self.widen_factor))
        outputs.append(ConvModule(features, 1, **layers, name="conv2")(x, norm_train))
        return tuple(outputs[index] for index in sorted(self.out_indices))

    def is_frozen(self, path: tuple[str, ...]) -> bool:
        """Of the stem and the stages up to `frozen_stages`; norms too where `norm_cfg` has `requires_grad=False`."""
        if self.norm_cfg and not self.norm_cfg.get("requires_grad", True) and path[-1] in ("scale", "bias"):
            return True  # no convolution beside a norm has a bias
        if path[0].startswith("layer"):
            return int(path[0][len("layer")]) <= self.frozen_stages
        return path[0] == "conv1" and self.frozen_stages >= 0
