"""EfficientNet (Tan & Le 2019, arXiv:1905.11946), for EdgeTPUs (es, em, el) and without gates (lite).

After mmcls/models/backbones/efficientnet.py; lite as TensorFlow's efficientnet/lite has it.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, NamedTuple

from flax import linen as nn
from jax import Array

from jaxcls.models.backbones.base import Backbone, Config, variant_of
from jaxcls.models.backbones.layout import Layout, by_stage
from jaxcls.models.backbones.resnet import KAIMING_INIT
from jaxcls.models.layers import (
    ConvModule,
    DropPath,
    InvertedResidual,
    Layers,
    SELayer,
    drop_path_rates,
    make_divisible,
    residual,
)

_SWISH: Config = nn.FrozenDict({"type": "Swish"})


class Blocks(NamedTuple):
    """Blocks of one width, the first with `stride`, the others with 1; `edge`: `EdgeResidual`."""

    kernel_size: int
    features: int
    stride: int
    expand_ratio: int
    depth: int
    edge: bool = False


# the layers between the stem and the last convolution, each of one width or two; table 1 of the paper
_B = (
    (Blocks(3, 16, 1, 1, 1),),
    (Blocks(3, 24, 2, 6, 2),),
    (Blocks(5, 40, 2, 6, 2),),
    (Blocks(3, 80, 2, 6, 3), Blocks(5, 112, 1, 6, 3)),
    (Blocks(5, 192, 2, 6, 4), Blocks(3, 320, 1, 6, 1)),
)
_E = (
    (Blocks(3, 24, 1, 3, 1, edge=True),),
    (Blocks(3, 32, 2, 8, 2, edge=True),),
    (Blocks(3, 48, 2, 8, 4, edge=True),),
    (Blocks(5, 96, 2, 8, 5), Blocks(5, 144, 1, 8, 4)),
    (Blocks(5, 192, 2, 8, 2),),
)
# factors on widths and depths
_ARCHITECTURES = {
    "b0": (1.0, 1.0),
    "b1": (1.0, 1.1),
    "b2": (1.1, 1.2),
    "b3": (1.2, 1.4),
    "b4": (1.4, 1.8),
    "b5": (1.6, 2.2),
    "b6": (1.8, 2.6),
    "b7": (2.0, 3.1),
    "b8": (2.2, 3.6),
    "es": (1.0, 1.0),
    "em": (1.0, 1.1),
    "el": (1.2, 1.4),
    "lite0": (1.0, 1.0),
    "lite1": (1.0, 1.1),
    "lite2": (1.1, 1.2),
    "lite3": (1.2, 1.4),
    "lite4": (1.4, 1.8),
}


class EdgeResidual(nn.Module):
    """A convolution that expands and a linear 1x1 one that projects, added to the input where the shapes agree.

    (N, H, W, C) -> (N, H / stride, W / stride, features).

    Attributes:
        features: channels of the result.
        mid_channels: channels between the convolutions.
        se_cfg: arguments of `SELayer`, or None.
        with_residual: whether the input is added at all.
        drop_path_rate: probability of dropping the branch.
        expands_with_stride: the stride is the first convolution's, not the second's.
    """

    features: int
    mid_channels: int
    kernel_size: int = 3
    stride: int = 1
    se_cfg: Config | None = None
    layers: Layers = Layers()
    drop_path_rate: float = 0.0
    with_residual: bool = True
    expands_with_stride: bool = False

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics and stochastic depth."""
        linear = self.layers.replace(act_cfg=None)
        first, second = (self.stride, 1) if self.expands_with_stride else (1, self.stride)
        window = (self.kernel_size, first, self.kernel_size // 2)
        y = ConvModule(self.mid_channels, *window, layers=self.layers, name="conv1")(x, train)
        if self.se_cfg is not None:
            y = SELayer(**self.se_cfg, name="se")(y)
        y = ConvModule(self.features, 1, second, layers=linear, name="conv2")(y, train)
        if not self.with_residual or self.stride != 1 or self.features != x.shape[-1]:
            return y
        return residual(x, DropPath(self.drop_path_rate)(y, train))


class EfficientNet(Backbone):
    """Images (N, H, W, C) -> a tuple of layers' outputs, the last of them (N, H / 32, W / 32, 1280 * width).

    Attributes:
        arch: b0 to b8, es, em, el or lite0 to lite4; the published lite ones have `act_cfg` ReLU6.
        drop_path_rate: probability of dropping the last block's branch; it grows linearly from 0 at the first.
        out_indices: the layers to return: the stem, 0, five stages, and the last convolution, 6.
        frozen_stages: so many layers, the stem the first, are as in evaluation and not trained; 0: none.
        conv_cfg: by default with TensorFlow's padding.
        norm_eval: no batch statistics at all.
        with_cp: activations of a block are computed again in the backward pass, to save memory.

    Raises:
        UserError: an architecture or layer that is not there.
    """

    arch: str = "b0"
    drop_path_rate: float = 0.0
    out_indices: int | tuple[int, ...] = (6,)
    frozen_stages: int = 0
    conv_cfg: Config | None = nn.FrozenDict({"type": "Conv2dAdaptivePadding"})
    norm_cfg: Config = nn.FrozenDict({"type": "BN", "eps": 1e-3})
    act_cfg: Config = _SWISH
    norm_eval: bool = False
    with_cp: bool = False
    init_cfg: Any = KAIMING_INIT

    layout: ClassVar[Layout] = Layout(
        stem=("layers.0",), blocks=("layers.{stage}.{block}", "layers.{stage}"), place=by_stage
    )

    def __post_init__(self) -> None:
        variant_of(self.arch, _ARCHITECTURES, "arch")
        super().__post_init__()

    @property
    def num_outputs(self) -> int:
        return len(_B) + 2

    @property
    def frozen_through(self) -> int:
        return self.frozen_stages - 1

    @property
    def _is_lite(self) -> bool:
        return self.arch.startswith("lite")

    @property
    def stages(self) -> list[list[Blocks]]:
        """The architecture's blocks, scaled; lite's first and last stage keep their depth."""
        widen, deepen = _ARCHITECTURES[self.arch]
        table = _E if self.arch.startswith("e") else _B
        fixed = (table[0][0], table[-1][-1]) if self._is_lite else ()
        return [
            [
                run._replace(
                    features=make_divisible(run.features * widen),
                    depth=run.depth if run in fixed else math.ceil(deepen * run.depth),
                )
                for run in stage
            ]
            for stage in table
        ]

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with batch statistics and stochastic depth, but for what is frozen."""
        layers = Layers(self.conv_cfg, self.norm_cfg, self.act_cfg, self.norm_eval)
        widen = 1.0 if self._is_lite else _ARCHITECTURES[self.arch][0]
        stem, last = make_divisible(32 * widen), make_divisible(1280 * widen)
        x = ConvModule(stem, 3, 2, 1, layers=layers, name="layers.0")(x, self.trains(0, train))
        outputs, stages = [x], self.stages
        rates = drop_path_rates(self.drop_path_rate, [sum(run.depth for run in stage) for stage in stages])
        for index, stage in enumerate(stages, start=1):
            blocks = [(run, place) for run in stage for place in range(run.depth)]
            for i, (run, place) in enumerate(blocks):
                stride = 1 if place else run.stride
                block = self._block(run, i, stride, x.shape[-1], rates[index - 1][i], layers, train, index)
                x = block(x, self.trains(index, train))
            outputs.append(x)
        index = len(stages) + 1
        outputs.append(ConvModule(last, 1, layers=layers, name=f"layers.{index}")(x, self.trains(index, train)))
        return tuple(outputs[index] for index in sorted(self.returned))

    def _block(
        self, run: Blocks, i: int, stride: int, channels: int, rate: float, layers: Layers, train: bool, index: int
    ) -> nn.Module:
        """The `i`-th block of a layer."""
        expand_ratio, alone = run.expand_ratio, run.edge and i > 0 and run.expand_ratio == 3
        if alone:  # of deeper networks' first stage; so in the original
            expand_ratio = 4
        gate = {"ratio": 4 * expand_ratio, "divisor": 1, "act_cfg": (self.act_cfg, {"type": "Sigmoid"})}
        gated = self.arch.startswith("b")
        kind: Any = self.checkpointed(EdgeResidual if run.edge else InvertedResidual, self.trains(index, train))
        more = {"with_residual": not alone} if run.edge else {}
        return kind(
            run.features,
            channels * expand_ratio,
            run.kernel_size,
            stride,
            gate if gated else None,
            layers,
            rate,
            **more,
            name=f"layers.{index}.{i}",
        )
