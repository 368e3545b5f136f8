"""RepVGG (Ding et al. 2021, arXiv:2101.03697); mmcls/models/backbones/repvgg.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError, close_names
from jaxcls.models.backbones.base import Backbone, Config, one_a_stage
from jaxcls.models.backbones.layout import Layout, by_stage
from jaxcls.models.backbones.resnet import KAIMING_INIT
from jaxcls.models.layers import BN, RELU, ConvModule, Layers, SELayer, max_pool
from jaxcls.models.layers.reparameterize import ConvNorm, merge_blocks

Variables = Mapping[str, Any]

_SE: Config = nn.FrozenDict({"ratio": 16, "divisor": 1})
_A, _B = (2, 4, 14, 1), (4, 6, 16, 1)


def _settings(
    num_blocks: tuple[int, ...], width_factor: tuple[float, ...], groups: int = 1, se_cfg: Any = None, stem: int = 64
) -> dict[str, Any]:
    every_second = dict.fromkeys(range(2, 27, 2), groups) if groups > 1 else None
    settings = {"num_blocks": num_blocks, "width_factor": width_factor, "group_layer_map": every_second}
    return {**settings, "se_cfg": se_cfg, "stem_channels": stem}


# tables 2 and 3 of the paper
_ARCHITECTURES: dict[str, Config] = {
    "A0": _settings(_A, (0.75, 0.75, 0.75, 2.5)),
    "A1": _settings(_A, (1, 1, 1, 2.5)),
    "A2": _settings(_A, (1.5, 1.5, 1.5, 2.75)),
    "B0": _settings(_B, (1, 1, 1, 2.5)),
    **{f"B1{f'g{g}' if g > 1 else ''}": _settings(_B, (2, 2, 2, 4), g) for g in (1, 2, 4)},
    **{f"B2{f'g{g}' if g > 1 else ''}": _settings(_B, (2.5, 2.5, 2.5, 5), g) for g in (1, 2, 4)},
    **{f"B3{f'g{g}' if g > 1 else ''}": _settings(_B, (3, 3, 3, 5), g) for g in (1, 2, 4)},
    "D2se": _settings((8, 14, 24, 1), (2.5, 2.5, 2.5, 5), se_cfg=_SE),
    "yolox-pai-small": _settings((3, 5, 7, 3), (1, 1, 1, 1), stem=32),
}
_KEYS = ("num_blocks", "width_factor", "group_layer_map", "se_cfg")


class RepVGGBlock(nn.Module):
    """A 3x3 and a 1x1 convolution and, where the shapes agree, the input, each normed and added up.

    (N, H, W, C) -> (N, H / stride, W / stride, features).

    Attributes:
        features: channels of the result.
        padding: of the 3x3 convolution.
        groups: of both convolutions.
        se_cfg: arguments of `SELayer` on the sum, or None.
        deploy: all is one 3x3 convolution.
    """

    features: int
    stride: int = 1
    padding: int = 1
    dilation: int = 1
    groups: int = 1
    se_cfg: Config | None = None
    layers: Layers = Layers()
    deploy: bool = False

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics."""
        window: dict[str, Any] = {"stride": self.stride, "groups": self.groups}
        whole = {**window, "padding": self.padding, "dilation": self.dilation}
        if self.deploy:
            y = self.layers.conv(self.features, 3, **whole, use_bias=True, name="branch_reparam")(x)
        else:
            y = ConvNorm(self.features, 3, **whole, layers=self.layers, name="branch_3x3")(x, train)
            y = y + ConvNorm(self.features, 1, **window, layers=self.layers, name="branch_1x1")(x, train)
            if self.features == x.shape[-1] and self.stride == 1 and self.padding == self.dilation:
                y = y + self.layers.norm("branch_norm")(x, train)
        if self.se_cfg is not None:
            y = SELayer(**self.se_cfg, name="se_layer")(y)
        return self.layers.act(y)


class MTSPPF(nn.Module):
    """A map and what three poolings in a row make of it, side by side, between 1x1 convolutions: (N, H, W, C) -> same.

    Attributes:
        kernel_size: of the poolings.
    """

    kernel_size: int = 5
    layers: Layers = Layers()

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics."""
        channels = x.shape[-1]
        maps = [ConvModule(channels // 2, 1, layers=self.layers, name="conv1")(x, train)]
        for _ in range(3):
            maps.append(max_pool(maps[-1], self.kernel_size, 1, self.kernel_size // 2))
        return ConvModule(channels, 1, layers=self.layers, name="conv2")(jnp.concatenate(maps, axis=-1), train)


class RepVGG(Backbone):
    """Images (N, H, W, C) -> a tuple of stages' outputs, (N, H / 4, W / 4, C') the first of them.

    Attributes:
        arch: A0 to A2, B0 to B3, with g2 or g4, D2se or yolox-pai-small, or a dict of num_blocks, width_factor,
            group_layer_map, se_cfg and perhaps stem_channels.
        base_channels: channels of the first stage where its factor is 1.
        out_indices: the stages to return, from 0.
        strides: of each stage's first block.
        dilations: of each stage.
        frozen_stages: the stem (0) and so many stages are as in evaluation and not trained; -1: none.
        with_cp: activations of a block are computed again in the backward pass, to save memory.
        deploy: each block is one convolution; `switch_to_deploy` gives its variables.
        norm_eval: no batch statistics at all.
        add_ppf: `MTSPPF` after the last stage.

    Raises:
        UserError: an architecture or stage that is not there.
    """

    arch: str | Config
    in_channels: int = 3
    base_channels: int = 64
    out_indices: int | tuple[int, ...] = (3,)
    strides: tuple[int, ...] = (2, 2, 2, 2)
    dilations: tuple[int, ...] = (1, 1, 1, 1)
    frozen_stages: int = -1
    conv_cfg: Config | None = None
    norm_cfg: Config = BN
    act_cfg: Config = RELU
    with_cp: bool = False
    deploy: bool = False
    norm_eval: bool = False
    add_ppf: bool = False
    init_cfg: Any = KAIMING_INIT

    layout: ClassVar[Layout] = Layout(stem=("stem",), blocks=("stage_{stage}.{block}",), rest=("ppf",), place=by_stage)

    def __post_init__(self) -> None:
        if len(self.settings["width_factor"]) != len(self.settings["num_blocks"]):
            raise UserError(f"arch={self.arch}; expected as many width_factor as num_blocks, one of each a stage")
        for argument in ("strides", "dilations"):
            one_a_stage(getattr(self, argument), self.num_outputs, argument)
        super().__post_init__()

    @property
    def settings(self) -> Config:
        """Of the architecture."""
        if not isinstance(self.arch, str):
            if not isinstance(self.arch, Mapping) or not set(_KEYS) <= set(self.arch):
                raise UserError(f"arch={self.arch!r}; a dict needs {', '.join(_KEYS)}")
            return self.arch
        if self.arch not in _ARCHITECTURES:
            raise UserError(f"arch={self.arch!r}; {close_names(self.arch, _ARCHITECTURES)}, or a dict")
        return _ARCHITECTURES[self.arch]

    @property
    def num_outputs(self) -> int:
        return len(self.settings["num_blocks"])

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with batch statistics, but for what is frozen."""
        layers = Layers(self.conv_cfg, self.norm_cfg, self.act_cfg, self.norm_eval)
        settings, place, outputs = self.settings, 0, []
        common = {"se_cfg": settings["se_cfg"], "layers": layers, "deploy": self.deploy}
        features = min(settings.get("stem_channels", 64), int(self.base_channels * settings["width_factor"][0]))
        stem = self.checkpointed(RepVGGBlock, self.trains(0, train))
        x = stem(features, 2, **common, name="stem")(x, self.trains(0, train))
        for stage, (depth, factor) in enumerate(zip(settings["num_blocks"], settings["width_factor"], strict=True)):
            stage_train, dilation = self.trains(stage + 1, train), self.dilations[stage]
            block = self.checkpointed(RepVGGBlock, stage_train)
            features = int(self.base_channels * 2**stage * factor)
            for i in range(depth):
                place += 1
                x = block(
                    features,
                    1 if i else self.strides[stage],
                    dilation,
                    dilation,
                    (settings["group_layer_map"] or {}).get(place, 1),
                    **common,
                    name=f"stage_{stage + 1}.{i}",
                )(x, stage_train)
            if self.add_ppf and stage == self.num_outputs - 1:
                x = MTSPPF(layers=layers, name="ppf")(x, train)
            if stage in self.returned:
                outputs.append(x)
        return tuple(outputs)

    @nn.nowrap
    def switch_to_deploy(self, variables: Variables) -> tuple[RepVGG, dict[str, Any]]:
        """The backbone with `deploy`, and its variables: each block's branches summed into one convolution.

        Raises:
            UserError: norms other than BatchNorm.
        """
        if self.deploy:
            return self, dict(variables)
        return self.clone(parent=None, deploy=True), merge_blocks(variables, self.norm_cfg)
