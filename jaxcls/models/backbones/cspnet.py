"""CSPNet (Wang et al. 2020, arXiv:1911.11929): CSPDarkNet, CSPResNet and CSPResNeXt.

After mmcls/models/backbones/cspnet.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.models.backbones.base import Backbone, Config, variant_of
from jaxcls.models.backbones.layout import Layout
from jaxcls.models.backbones.resnet import Bottleneck
from jaxcls.models.backbones.resnext import GroupedBottleneck
from jaxcls.models.layers import BN, ConvModule, Layers, max_pool, residual

_LEAKY_RELU: Config = nn.FrozenDict({"type": "LeakyReLU", "inplace": True})


class Stage(NamedTuple):
    """What the table says of a stage.

    Attributes:
        features: channels of the result.
        depth: blocks.
        expand_ratio: channels before the blocks, both halves, over those of the input.
        bottle_ratio: a block's channels over those within it.
        downsamples: whether a convolution of stride 2 comes first.
    """

    features: int
    depth: int
    expand_ratio: float
    bottle_ratio: int
    downsamples: bool = True


class DarknetBottleneck(nn.Module):
    """A 1x1 and a 3x3 convolution, added to the input: (N, H, W, C) -> same.

    Attributes:
        features: C.
        expansion: C over the channels between.
    """

    features: int
    expansion: int
    layers: Layers

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics."""
        y = ConvModule(self.features // self.expansion, 1, layers=self.layers, name="conv1")(x, train)
        return residual(x, ConvModule(self.features, 3, 1, 1, layers=self.layers, name="conv2")(y, train))


class CSPStage(nn.Module):
    """Half of the channels through the stage's blocks, half past them: (N, H, W, C) -> (N, H / 2, W / 2, features).

    Attributes:
        stage: what the table says.
        block: the blocks' class; `block_arguments`: its arguments beside width, expansion and layers.
        down_groups: of the first convolution.
        down_growth: whether it gives `features` channels already.
        expand_act: whether an activation follows the convolution before the split.
        layers: what all is made of; the blocks alone take its `conv_cfg`.
    """

    stage: Stage
    block: Any
    block_arguments: Config
    down_groups: int
    down_growth: bool
    expand_act: bool
    layers: Layers

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics."""
        features, layers = self.stage.features, self.layers.replace(conv_cfg=None)
        if self.stage.downsamples:
            width = features if self.down_growth else x.shape[-1]
            down = ConvModule(width, 3, 2, 1, groups=self.down_groups, layers=layers, name="downsample_conv")
            x = down(x, train)
        expand = layers if self.expand_act else layers.replace(act_cfg=None)
        half = int(x.shape[-1] * self.stage.expand_ratio) // 2
        past, x = jnp.split(ConvModule(2 * half, 1, layers=expand, name="expand_conv")(x, train), 2, axis=-1)
        for i in range(self.stage.depth):
            arguments = {"expansion": self.stage.bottle_ratio, "layers": self.layers, **self.block_arguments}
            x = self.block(half, **arguments, name=f"blocks.{i}")(x, train)
        x = ConvModule(half, 1, layers=layers, name="atfer_blocks_conv")(x, train)  # so in the original's checkpoints
        return ConvModule(features, 1, layers=layers, name="final_conv")(jnp.concatenate([past, x], -1), train)


class CSPNet(Backbone):
    """What the three networks share: images (N, H, W, C) -> a tuple of the stages' outputs.

    Attributes:
        depth: the only one that the table has.
        out_indices: the stages to return, from 0, negative ones from the end.
        frozen_stages: the stem and the stages up to this one, from 0, are as in evaluation and not trained; -1: none.
        conv_cfg: of the blocks' convolutions.
        norm_eval: no batch statistics at all.
        with_cp: activations of a block are computed again in the backward pass, to save memory.

    Raises:
        UserError: a depth or stage that is not there.
    """

    depth: int
    in_channels: int = 3
    out_indices: int | tuple[int, ...] = (3,)
    frozen_stages: int = -1
    conv_cfg: Config | None = None
    norm_cfg: Config = BN
    act_cfg: Config = _LEAKY_RELU
    norm_eval: bool = False
    with_cp: bool = False
    init_cfg: Any = nn.FrozenDict({"type": "Kaiming", "layer": "Conv2d"})

    # depth: the stages; table 1 of the paper
    variants: ClassVar[Mapping[int, tuple[Stage, ...]]]
    # arguments of `CSPStage`
    blocks: ClassVar[Mapping[str, Any]]
    freezes_first_stage_with_stem: ClassVar[bool] = True
    layout: ClassVar[Layout] = Layout(
        stem=("stem",),
        blocks=("stages.{stage}.blocks.{block}",),
        before=("stages.{stage}.downsample_conv", "stages.{stage}.expand_conv"),
        after=("stages.{stage}.atfer_blocks_conv", "stages.{stage}.final_conv"),
        first=0,
    )

    @property
    def stages(self) -> tuple[Stage, ...]:
        """What the table says of each."""
        return variant_of(self.depth, self.variants, "depth")

    @property
    def num_outputs(self) -> int:
        return len(self.stages)

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with batch statistics, but for what is frozen."""
        layers, outputs = Layers(self.conv_cfg, self.norm_cfg, self.act_cfg, self.norm_eval), []
        x = self.stem(x, layers, self.trains(0, train))
        for index, stage in enumerate(self.stages):
            stage_train = self.trains(index + 1, train)
            own = {**self.blocks, "block": self.checkpointed(self.blocks["block"], stage_train)}
            x = CSPStage(stage, **own, layers=layers, name=f"stages.{index}")(x, stage_train)
            if index in self.returned:
                outputs.append(x)
        return tuple(outputs)

    def stem(self, x: Array, layers: Layers, train: bool) -> Array:
        """What comes before the stages."""
        raise NotImplementedError


class CSPDarkNet(CSPNet):
    """`CSPNet` of Darknet's blocks, as in YOLOv4: depth 53, five stages, (N, H / 2, W / 2, 64) the first output."""

    out_indices: int | tuple[int, ...] = (4,)
    init_cfg: Any = nn.FrozenDict(
        {
            "type": "Kaiming",
            "layer": "Conv2d",
            "a": math.sqrt(5),
            "distribution": "uniform",
            "mode": "fan_in",
            "nonlinearity": "leaky_relu",
        }
    )
    # The original's blocks, all of one convolution each, start so whatever `init_cfg` says.
    own_init: ClassVar[Config] = {"type": "Kaiming", "layer": "Conv2d", "a": 0.01, "nonlinearity": "leaky_relu"}

    variants: ClassVar[Mapping[int, tuple[Stage, ...]]] = {
        53: (Stage(64, 1, 2, 2), Stage(128, 2, 1, 1), Stage(256, 8, 1, 1), Stage(512, 8, 1, 1), Stage(1024, 4, 1, 1))
    }
    blocks: ClassVar[Mapping[str, Any]] = {
        "block": DarknetBottleneck,
        "block_arguments": nn.FrozenDict(),
        "down_groups": 1,
        "down_growth": True,
        "expand_act": True,
    }

    def stem(self, x: Array, layers: Layers, train: bool) -> Array:
        return ConvModule(32, 3, 1, 1, layers=layers.replace(conv_cfg=None), name="stem")(x, train)


class CSPResNet(CSPNet):
    """`CSPNet` of ResNet's bottlenecks: depth 50, four stages, (N, H / 4, W / 4, 128) the first output.

    Attributes:
        deep_stem: three 3x3 convolutions in place of the 7x7 and the pooling.
    """

    deep_stem: bool = False

    variants: ClassVar[Mapping[int, tuple[Stage, ...]]] = {
        50: (Stage(128, 3, 4, 2, False), Stage(256, 3, 4, 2), Stage(512, 5, 4, 2), Stage(1024, 2, 4, 2))
    }
    blocks: ClassVar[Mapping[str, Any]] = {
        "block": Bottleneck,
        "block_arguments": nn.FrozenDict({"zero_init_residual": False}),
        "down_groups": 1,
        "down_growth": False,
        "expand_act": False,
    }

    def stem(self, x: Array, layers: Layers, train: bool) -> Array:
        if not self.deep_stem:
            return max_pool(ConvModule(64, 7, 2, 3, layers=layers, name="stem.0")(x, train), 3, 2, 1)
        for i, (features, stride) in enumerate(((32, 2), (32, 1), (64, 1))):
            x = ConvModule(features, 3, stride, 1, layers=layers, name=f"stem.{i}")(x, train)
        return x


class CSPResNeXt(CSPResNet):
    """`CSPNet` of ResNeXt's bottlenecks: depth 50, four stages, (N, H / 4, W / 4, 256) the first output."""

    variants: ClassVar[Mapping[int, tuple[Stage, ...]]] = {
        50: (Stage(256, 3, 4, 4, False), Stage(512, 3, 2, 4), Stage(1024, 5, 2, 4), Stage(2048, 2, 2, 4))
    }
    blocks: ClassVar[Mapping[str, Any]] = {
        "block": GroupedBottleneck,
        "block_arguments": nn.FrozenDict({"zero_init_residual": False, "groups": 32, "base_channels": 32}),
        "down_groups": 32,
        "down_growth": False,
        "expand_act": False,
    }
