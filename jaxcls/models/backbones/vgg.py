"""VGG (Simonyan & Zisserman 2015, arXiv:1409.1556); mmcls/models/backbones/vgg.py."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.backbones.base import Backbone, Config, one_a_stage, variant_of
from jaxcls.models.backbones.layout import Layout
from jaxcls.models.layers import RELU, ConvModule, Layers, Linear, max_pool

# depth: convolutions in each stage; table 1 of the paper
_ARCHITECTURES = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
_CHANNELS = (64, 128, 256, 512, 512)
_INIT = (
    {"type": "Kaiming", "layer": ("Conv2d",)},
    {"type": "Constant", "val": 1.0, "layer": ("_BatchNorm",)},
    {"type": "Normal", "std": 0.01, "layer": ("Linear",)},
)


class VGG(Backbone):
    """Images (N, H, W, C) -> a tuple of stages' outputs, (N, H / 2, W / 2, 64) the first, and of logits.

    Attributes:
        depth: 11, 13, 16 or 19.
        num_classes: K of the logits (N, K), which images of 224 pixels give; -1: there are none.
        num_stages: how many stages, 1 to 5.
        dilations: of each stage's convolutions.
        out_indices: the stages to return, from 0; None: the last one, or the logits alone where there are such, which
            are always returned.
        frozen_stages: so many stages are as in evaluation and not trained; -1 and 0: none.
        norm_cfg: of the norms after the convolutions; None: there are none.
        norm_eval: no batch statistics at all.
        ceil_mode: poolings keep windows that reach over the edge.
        with_last_pool: whether the last stage pools.

    Raises:
        UserError: a depth or stage that is not there, or images whose map is not 7x7, with `num_classes`.
    """

    depth: int
    num_classes: int = -1
    num_stages: int = 5
    dilations: tuple[int, ...] = (1, 1, 1, 1, 1)
    out_indices: int | tuple[int, ...] | None = None
    frozen_stages: int = -1
    conv_cfg: Config | None = None
    norm_cfg: Config | None = None
    act_cfg: Config | None = RELU
    norm_eval: bool = False
    ceil_mode: bool = False
    with_last_pool: bool = True
    init_cfg: Any = _INIT

    layout: ClassVar[Layout] = Layout(blocks=("features.{stage}",), rest=("classifier",), first=0)

    def __post_init__(self) -> None:
        variant_of(self.depth, _ARCHITECTURES, "depth")
        if self.num_stages not in range(1, 6):
            raise UserError(f"num_stages={self.num_stages!r}; allowed: 1 to 5")
        one_a_stage(self.dilations, self.num_stages, "dilations")
        if self.out_indices is None:
            self.out_indices = self.num_stages if self.num_classes > 0 else self.num_stages - 1
        super().__post_init__()

    @property
    def num_outputs(self) -> int:
        return self.num_stages + (self.num_classes > 0)

    @property
    def num_stages_to_freeze(self) -> int:
        return self.num_stages

    @property
    def depths(self) -> tuple[int, ...]:
        """Convolutions of each stage."""
        return _ARCHITECTURES[self.depth][: self.num_stages]

    @property
    def starts(self) -> list[int]:
        """The places of the stages in `features`, where each has its convolutions and a pooling."""
        return np.cumsum([0, *(depth + 1 for depth in self.depths)]).tolist()

    def stage_of(self, name: str) -> float | None:
        """Stages of several layers, as `frozen_stages` counts them."""
        part, _, rest = name.partition(".")
        if part != "features":
            return super().stage_of(name)
        return float(np.searchsorted(self.starts, int(rest.partition(".")[0]), side="right"))

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with batch statistics, but for what is frozen, and with the classifier's dropout."""
        size, outputs = x.shape[1:3], []
        layers = Layers(self.conv_cfg, self.norm_cfg, self.act_cfg, self.norm_eval)
        for stage, (depth, start) in enumerate(zip(self.depths, self.starts, strict=False)):
            gap, stage_train = self.dilations[stage], self.trains(stage + 1, train)
            for place in range(start, start + depth):
                module = ConvModule(
                    _CHANNELS[stage], 3, 1, gap, gap, layers=layers, use_bias=True, name=f"features.{place}"
                )
                x = module(x, stage_train)
            if self.with_last_pool or stage < self.num_stages - 1:
                x = max_pool(x, 2, 2, ceil_mode=self.ceil_mode)
            if stage in self.returned:
                outputs.append(x)
        return (*outputs, self._logits(x, size, train)) if self.num_classes > 0 else tuple(outputs)

    def _logits(self, x: Array, size: tuple[int, ...], train: bool) -> Array:
        if x.shape[1:] != (7, 7, 512):
            raise UserError(
                f"VGG: images of {size[0]}x{size[1]} pixels give a map {x.shape[1:]}; num_classes needs (7, 7, 512), "
                "which 224x224 give"
            )
        x = x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1)
        for place in (0, 3):
            x = nn.relu(Linear(4096, name=f"classifier.{place}")(x))
            x = nn.Dropout(0.5)(x, deterministic=not train)
        return Linear(self.num_classes, name="classifier.6")(x)
