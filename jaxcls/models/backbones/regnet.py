"""RegNet (Radosavovic et al. 2020, arXiv:2003.13678); mmcls/models/backbones/regnet.py.

Y, with squeeze and excitation, is not in the original; its numbers are those of pycls.
"""

from __future__ import annotations

import itertools
from typing import Any, ClassVar

import numpy as np
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.backbones.base import Backbone, Config, architectures, one_a_stage, settings_of
from jaxcls.models.backbones.layout import Layout
from jaxcls.models.backbones.resnet import Bottleneck, ResNet
from jaxcls.models.layers import BN, Layers, SELayer

# the paper's section 3.3: width of the first block, slope, quantisation, channels of a group, depth
_ARCHITECTURES = {
    **architectures(
        ("w0", "wa", "wm", "group_w", "depth", "bot_mul"),
        {
            ("regnetx_400mf",): (24, 24.48, 2.54, 16, 22, 1.0),
            ("regnetx_800mf",): (56, 35.73, 2.28, 16, 16, 1.0),
            ("regnetx_1.6gf",): (80, 34.01, 2.25, 24, 18, 1.0),
            ("regnetx_3.2gf",): (88, 26.31, 2.25, 48, 25, 1.0),
            ("regnetx_4.0gf",): (96, 38.65, 2.43, 40, 23, 1.0),
            ("regnetx_6.4gf",): (184, 60.83, 2.07, 56, 17, 1.0),
            ("regnetx_8.0gf",): (80, 49.56, 2.88, 120, 23, 1.0),
            ("regnetx_12gf",): (168, 73.36, 2.37, 112, 19, 1.0),
        },
    ),
    **architectures(
        ("w0", "wa", "wm", "group_w", "depth", "bot_mul", "se_ratio"),
        {
            ("regnety_200mf",): (24, 36.44, 2.49, 8, 13, 1.0, 0.25),
            ("regnety_400mf",): (48, 27.89, 2.09, 8, 16, 1.0, 0.25),
            ("regnety_600mf",): (48, 32.54, 2.32, 16, 15, 1.0, 0.25),
            ("regnety_800mf",): (56, 38.84, 2.4, 16, 14, 1.0, 0.25),
            ("regnety_1.6gf",): (48, 20.71, 2.65, 24, 27, 1.0, 0.25),
            ("regnety_3.2gf",): (80, 42.63, 2.66, 24, 21, 1.0, 0.25),
            ("regnety_4.0gf",): (96, 31.41, 2.24, 64, 22, 1.0, 0.25),
            ("regnety_6.4gf",): (112, 33.22, 2.27, 72, 25, 1.0, 0.25),
            ("regnety_8.0gf",): (192, 76.82, 2.19, 56, 17, 1.0, 0.25),
            ("regnety_12gf",): (168, 73.36, 2.37, 112, 19, 1.0, 0.25),
            ("regnety_16gf",): (200, 106.23, 2.48, 112, 18, 1.0, 0.25),
            ("regnety_32gf",): (232, 115.89, 2.53, 232, 20, 1.0, 0.25),
        },
    ),
}


def stages_of(w0: int, wa: float, wm: float, depth: int) -> list[tuple[int, int]]:
    """(width, blocks) of each stage: widths along a line, rounded to powers of `wm` and to multiples of 8.

    Args:
        w0: the first block's width.
        wa: the line's slope.
        wm: from one stage's width to the next.
        depth: blocks in all.
    """
    powers = np.round(np.log((np.arange(depth) * wa + w0) / w0) / np.log(wm))
    widths = (np.round(w0 * np.power(wm, powers) / 8) * 8).astype(int).tolist()
    return [(width, len(list(blocks))) for width, blocks in itertools.groupby(widths)]


class GatedBottleneck(Bottleneck):
    """`Bottleneck`, squeeze and excitation after its 3x3 convolution.

    Attributes:
        squeeze_channels: within `SELayer`; None: there is none.
    """

    squeeze_channels: int | None = None

    def middle(self, y: Array, stride: int, train: bool) -> Array:
        y = super().middle(y, stride, train)
        return y if self.squeeze_channels is None else SELayer(squeeze_channels=self.squeeze_channels, name="se")(y)


class RegNet(Backbone):
    """Images (N, H, W, C) -> a tuple of stages' outputs, (N, H / 4, W / 4, C') the first of them.

    Attributes:
        arch: regnetx_400mf to regnetx_12gf, regnety_200mf to regnety_32gf, or a dict of w0, wa, wm, group_w, depth,
            bot_mul and perhaps se_ratio.
        stem_channels: channels after the stem.
        base_channels: without effect, as in the original.
        strides: of each stage; as many as the architecture has stages.
        dilations: likewise.
        out_indices: the stages to return, from 0.
        style: pytorch, where the stride is in a block's 3x3 convolution, or caffe, where it is in the first.
        deep_stem: there is none.
        avg_down: shortcuts pool, then project with stride 1.
        frozen_stages: the stem (0) and so many stages are not trained, their statistics included; -1: none.
        norm_eval: no batch statistics at all.
        with_cp: activations of a block are computed again in the backward pass, to save memory.
        zero_init_residual: the last norm of each block starts at zero.

    Raises:
        UserError: an architecture or stage that is not there, or a deep stem.
    """

    arch: str | Config
    in_channels: int = 3
    stem_channels: int = 32
    base_channels: int = 32
    strides: tuple[int, ...] = (2, 2, 2, 2)
    dilations: tuple[int, ...] = (1, 1, 1, 1)
    out_indices: int | tuple[int, ...] = (3,)
    style: str = "pytorch"
    deep_stem: bool = False
    avg_down: bool = False
    frozen_stages: int = -1
    conv_cfg: Config | None = None
    norm_cfg: Config = BN
    norm_eval: bool = False
    with_cp: bool = False
    zero_init_residual: bool = True
    init_cfg: Any = None

    layout: ClassVar[Layout] = ResNet.layout

    def __post_init__(self) -> None:
        if self.deep_stem:
            raise UserError("deep_stem=True; RegNet has no deep stem")
        if self.style not in ("pytorch", "caffe"):
            raise UserError(f"style={self.style!r}; allowed: pytorch, caffe")
        for argument in ("strides", "dilations"):
            one_a_stage(getattr(self, argument), self.num_outputs, argument)
        super().__post_init__()

    @property
    def settings(self) -> Config:
        """Of the architecture."""
        return settings_of(self.arch, _ARCHITECTURES)

    @property
    def stages(self) -> list[tuple[int, int]]:
        """(width, blocks) of each stage."""
        return stages_of(*(self.settings[key] for key in ("w0", "wa", "wm", "depth")))

    @property
    def num_outputs(self) -> int:
        return len(self.stages)

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with batch statistics, but for what is frozen."""
        layers, outputs = Layers(self.conv_cfg, self.norm_cfg, norm_eval=self.norm_eval), []
        x = layers.conv(self.stem_channels, 3, 2, 1, name="conv1")(x)
        x = nn.relu(layers.norm(layers.norm_name(1))(x, self.trains(0, train)))
        for stage, (width, depth) in enumerate(self.stages):
            stage_train = self.trains(stage + 1, train)
            for i in range(depth):
                x = self._block(x, stage, width, i, layers, stage_train)
            if stage in self.returned:
                outputs.append(x)
        return tuple(outputs)

    def _block(self, x: Array, stage: int, width: int, i: int, layers: Layers, train: bool) -> Array:
        ratio, inner = self.settings["bot_mul"], int(width * self.settings["bot_mul"])
        group_width = min(self.settings["group_w"], inner)
        inner = round(inner / group_width) * group_width  # whole groups
        features, stride = int(inner / ratio), 1 if i else self.strides[stage]
        se_ratio = self.settings.get("se_ratio")
        block = self.checkpointed(GatedBottleneck, train)(
            features,
            1,
            stride,
            self.dilations[stage],
            self.style,
            downsample=i == 0 and (stride != 1 or x.shape[-1] != features),
            avg_down=self.avg_down,
            layers=layers,
            zero_init_residual=self.zero_init_residual,
            groups=round(features * ratio) // group_width,
            squeeze_channels=round(se_ratio * x.shape[-1]) if se_ratio else None,
            name=f"layer{stage + 1}.{i}",
        )
        return block(x, train)
