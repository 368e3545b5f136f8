"""EfficientNetV2 (Tan & Le 2021, arXiv:2104.00298); mmpretrain/models/backbones/efficientnet_v2.py."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from flax import linen as nn
from jax import Array

from jaxcls.models.backbones.base import Backbone, Config, variant_of
from jaxcls.models.backbones.efficientnet import EdgeResidual
from jaxcls.models.backbones.layout import Layout, by_stage
from jaxcls.models.backbones.resnet import KAIMING_INIT
from jaxcls.models.layers import ConvModule, DropPath, InvertedResidual, Layers, drop_path_rates, residual

_SWISH: Config = nn.FrozenDict({"type": "Swish"})
_PLAIN, _FUSED, _GATED = "plain", "fused", "gated"


class Stage(NamedTuple):
    """So many blocks of one kind and width, the first with `stride`, the others with 1."""

    kind: str
    depth: int
    features: int
    stride: int
    expand_ratio: int


class Architecture(NamedTuple):
    """Widths of the stem and the last convolution, and the stages between them."""

    stem: int
    last: int
    stages: tuple[Stage, ...]


def _architecture(stem: int, last: int, *widths_and_depths: tuple[int, int]) -> Architecture:
    """Kinds and strides are the same in all architectures (table 4 of the paper)."""
    kinds = ((_PLAIN, 1, 1), (_FUSED, 2, 4), (_FUSED, 2, 4), (_GATED, 2, 4), (_GATED, 1, 6), (_GATED, 2, 6))
    rows = zip((*kinds, (_GATED, 1, 6)), widths_and_depths, strict=False)
    stages = (Stage(kind, depth, features, stride, ratio) for (kind, stride, ratio), (features, depth) in rows)
    return Architecture(stem, last, tuple(stages))


_NAMES = {"small": "s", "medium": "m", "large": "l"}
_ARCHITECTURES = {
    "s": _architecture(24, 1280, (24, 2), (48, 4), (64, 4), (128, 6), (160, 9), (256, 15)),
    "m": _architecture(24, 1280, (24, 3), (48, 5), (80, 5), (160, 7), (176, 14), (304, 18), (512, 5)),
    "l": _architecture(32, 1280, (32, 4), (64, 7), (96, 7), (192, 10), (224, 19), (384, 25), (640, 7)),
    "xl": _architecture(32, 1280, (32, 4), (64, 8), (96, 8), (192, 16), (256, 24), (512, 32), (640, 8)),
    "b0": _architecture(32, 1280, (16, 1), (32, 2), (48, 2), (96, 3), (112, 5), (192, 8)),
    "b1": _architecture(32, 1280, (16, 2), (32, 3), (48, 3), (96, 4), (112, 6), (192, 9)),
    "b2": _architecture(32, 1408, (16, 2), (32, 3), (56, 3), (104, 4), (120, 6), (208, 10)),
    "b3": _architecture(40, 1536, (16, 2), (40, 3), (56, 3), (112, 5), (136, 7), (232, 12)),
}
_ARCHITECTURES |= {name: _ARCHITECTURES[short] for name, short in _NAMES.items()}


class ResidualConvModule(nn.Module):
    """A 3x3 `ConvModule`, added to its input where the shapes agree.

    (N, H, W, C) -> (N, H / stride, W / stride, features).

    Attributes:
        drop_path_rate: probability of dropping the branch.
    """

    features: int
    stride: int = 1
    layers: Layers = Layers()
    drop_path_rate: float = 0.0

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics and stochastic depth."""
        module = ConvModule(self.features, 3, self.stride, 1, layers=self.layers)
        nn.share_scope(self, module)
        y = module(x, train)
        if self.stride != 1 or self.features != x.shape[-1]:
            return y
        return residual(x, DropPath(self.drop_path_rate)(y, train))


class EfficientNetV2(Backbone):
    """Images (N, H, W, C) -> a tuple of layers' outputs, the last of them (N, H / 32, W / 32, 1280) for most.

    Attributes:
        arch: s(mall), m(edium), l(arge), xl, or b0 to b3.
        drop_path_rate: probability of dropping the last block's branch; it grows linearly from 0 at the first.
        out_indices: the layers to return: the stem, 0, six or seven stages, and the last convolution.
        frozen_stages: so many layers, the stem the first, are as in evaluation and not trained; 0: none.
        conv_cfg: of the stem, the last convolution and blocks with a stride; by default with TensorFlow's padding.
        norm_eval: no batch statistics at all.
        with_cp: activations of a block are computed again in the backward pass, to save memory.

    Raises:
        UserError: an architecture or layer that is not there.
    """

    arch: str = "s"
    in_channels: int = 3  # the original's configs give it; the layers take what comes
    drop_path_rate: float = 0.0
    out_indices: int | tuple[int, ...] = (-1,)
    frozen_stages: int = 0
    conv_cfg: Config | None = nn.FrozenDict({"type": "Conv2dAdaptivePadding"})
    norm_cfg: Config = nn.FrozenDict({"type": "BN", "eps": 1e-3, "momentum": 0.1})
    act_cfg: Config = _SWISH
    norm_eval: bool = False
    with_cp: bool = False
    init_cfg: Any = KAIMING_INIT

    layout: ClassVar[Layout] = Layout(
        stem=("layers.0",), blocks=("layers.{stage}.{block}", "layers.{stage}"), place=by_stage
    )

    @property
    def settings(self) -> Architecture:
        """Of the architecture."""
        return variant_of(self.arch, _ARCHITECTURES, "arch")

    @property
    def num_outputs(self) -> int:
        return len(self.settings.stages) + 2

    @property
    def frozen_through(self) -> int:
        return self.frozen_stages - 1

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with batch statistics and stochastic depth, but for what is frozen."""
        stem, last, stages = self.settings
        layers = Layers(self.conv_cfg, self.norm_cfg, self.act_cfg, self.norm_eval)
        # where `conv_cfg` does not pad by itself, this does, unlike the original: so torchvision's and timm's do
        x = ConvModule(stem, 3, 2, 1, layers=layers, name="layers.0")(x, self.trains(0, train))
        outputs, rates = [x], drop_path_rates(self.drop_path_rate, [stage.depth for stage in stages])
        for index, stage in enumerate(stages, start=1):
            stage_train = self.trains(index, train)
            for i, rate in enumerate(rates[index - 1]):
                stride = 1 if i else stage.stride
                own = layers if stride == 2 and stage.kind != _PLAIN else layers.replace(conv_cfg=None)
                x = self._block(stage, stride, x.shape[-1], own, rate, f"layers.{index}.{i}", stage_train)(
                    x, stage_train
                )
            outputs.append(x)
        index = len(stages) + 1
        outputs.append(ConvModule(last, 1, layers=layers, name=f"layers.{index}")(x, self.trains(index, train)))
        return tuple(outputs[index] for index in sorted(self.returned))

    def _block(
        self, stage: Stage, stride: int, channels: int, layers: Layers, rate: float, name: str, train: bool
    ) -> nn.Module:
        if stage.kind == _PLAIN:
            return ResidualConvModule(stage.features, stride, layers, rate, name=name)
        common = (stage.features, channels * stage.expand_ratio, 3, stride)
        if stage.kind == _FUSED:
            fused: Any = self.checkpointed(EdgeResidual, train)
            return fused(*common, None, layers, rate, expands_with_stride=True, name=name)
        gate = {"ratio": 4 * stage.expand_ratio, "divisor": 1, "act_cfg": (self.act_cfg, {"type": "Sigmoid"})}
        gated: Any = self.checkpointed(InvertedResidual, train)
        return gated(*common, gate, layers, rate, name=name)
