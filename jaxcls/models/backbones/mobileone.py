"""MobileOne (Vasu et al. 2022, arXiv:2206.04040); mmpretrain/models/backbones/mobileone.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.backbones.base import Backbone, Config, settings_of
from jaxcls.models.backbones.layout import Layout, by_stage
from jaxcls.models.backbones.resnet import KAIMING_INIT
from jaxcls.models.layers import BN, RELU, Layers, SELayer
from jaxcls.models.layers.reparameterize import ConvNorm, merge_blocks

Variables = Mapping[str, Any]

_BASE_CHANNELS = (64, 128, 256, 512)


def _settings(width_factor: tuple[float, ...], branches: int, num_se_blocks: tuple[int, ...] = (0,) * 4) -> Config:
    return {
        "num_blocks": (2, 8, 10, 1),
        "width_factor": width_factor,
        "num_conv_branches": (branches,) * 4,
        "num_se_blocks": num_se_blocks,
    }


# table 2 of the paper's appendix
_ARCHITECTURES: dict[str, Config] = {
    "s0": _settings((0.75, 1.0, 1.0, 2.0), 4),
    "s1": _settings((1.5, 1.5, 2.0, 2.5), 1),
    "s2": _settings((1.5, 2.0, 2.5, 4.0), 1),
    "s3": _settings((2.0, 2.5, 3.0, 4.0), 1),
    "s4": _settings((3.0, 3.5, 3.5, 4.0), 1, (0, 0, 5, 1)),
}


class MobileOneBlock(nn.Module):
    """Several equal convolutions, for windows a 1x1 one and, where the shapes agree, the input, each normed; their sum.

    (N, H, W, C) -> (N, H / stride, W / stride, features).

    Attributes:
        features: channels of the result.
        num_convs: how many of the equal convolutions there are.
        se_cfg: arguments of `SELayer` on the sum, or None.
        deploy: all is one convolution.
    """

    features: int
    kernel_size: int
    num_convs: int
    stride: int = 1
    padding: int = 1
    groups: int = 1
    se_cfg: Config | None = None
    layers: Layers = Layers()
    deploy: bool = False

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics."""
        window: dict[str, Any] = {"stride": self.stride, "groups": self.groups}
        whole = {**window, "kernel_size": self.kernel_size, "padding": self.padding}
        if self.deploy:
            y = self.layers.conv(self.features, **whole, use_bias=True, name="branch_reparam")(x)
        else:
            branches = {f"branch_conv_list.{i}": whole for i in range(self.num_convs)}
            if self.kernel_size > 1:
                branches["branch_scale"] = {**window, "kernel_size": 1}
            makers = (ConvNorm(self.features, **own, layers=self.layers, name=name) for name, own in branches.items())
            y = sum(branch(x, train) for branch in makers)
            if self.features == x.shape[-1] and self.stride == 1:
                y = y + self.layers.norm("branch_norm")(x, train)
        if self.se_cfg is not None:
            y = SELayer(**self.se_cfg, name="se")(y)
        return self.layers.act(y)


class MobileOne(Backbone):
    """Images (N, H, W, C) -> a tuple of stages' outputs, (N, H / 4, W / 4, C') the first of them.

    Attributes:
        arch: s0 to s4, or a dict of num_blocks, width_factor, num_conv_branches and num_se_blocks, four of each.
        out_indices: the stages to return, from 0.
        frozen_stages: the stem (0) and so many stages are as in evaluation and not trained; -1: none.
        se_cfg: arguments of the blocks' `SELayer`, where they have one.
        deploy: each block is one convolution; `switch_to_deploy` gives its variables.
        norm_eval: no batch statistics at all.
        with_cp: activations of a block are computed again in the backward pass, to save memory.

    Raises:
        UserError: an architecture or stage that is not there.
    """

    arch: str | Config
    in_channels: int = 3  # the original's configs give it; the layers take what comes
    out_indices: int | tuple[int, ...] = (3,)
    frozen_stages: int = -1
    conv_cfg: Config | None = None
    norm_cfg: Config = BN
    act_cfg: Config = RELU
    se_cfg: Config = nn.FrozenDict({"ratio": 16})
    deploy: bool = False
    norm_eval: bool = False
    with_cp: bool = False
    init_cfg: Any = KAIMING_INIT

    layout: ClassVar[Layout] = Layout(stem=("stage0",), blocks=("stage{stage}.{block}",), place=by_stage)

    def __post_init__(self) -> None:
        settings = self.settings
        for key in _ARCHITECTURES["s0"]:
            if not isinstance(settings[key], tuple | list) or len(settings[key]) != 4:
                raise UserError(f"arch={self.arch}; expected {key} of each of the four stages")
        if any(gated > depth for gated, depth in zip(settings["num_se_blocks"], settings["num_blocks"], strict=True)):
            raise UserError(f"arch={self.arch}; num_se_blocks: a stage has no more of them than num_blocks")
        super().__post_init__()

    @property
    def settings(self) -> Config:
        """Of the architecture."""
        return settings_of(self.arch, _ARCHITECTURES)

    @property
    def num_outputs(self) -> int:
        return len(_BASE_CHANNELS)

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with batch statistics, but for what is frozen."""
        settings = self.settings
        layers = Layers(self.conv_cfg, self.norm_cfg, self.act_cfg, self.norm_eval)
        widths = [int(base * factor) for base, factor in zip(_BASE_CHANNELS, settings["width_factor"], strict=True)]
        common: dict[str, Any] = {"layers": layers, "deploy": self.deploy}
        stem = self.checkpointed(MobileOneBlock, self.trains(0, train))
        x = stem(min(64, widths[0]), 3, 1, 2, **common, name="stage0")(x, self.trains(0, train))
        outputs = []
        for stage, (width, depth) in enumerate(zip(widths, settings["num_blocks"], strict=True)):
            ungated, branches = depth - settings["num_se_blocks"][stage], settings["num_conv_branches"][stage]
            for i in range(depth):
                own = {**common, "se_cfg": None if i < ungated else self.se_cfg}
                names = (f"stage{stage + 1}.{2 * i + place}" for place in range(2))
                channels, stage_train = x.shape[-1], self.trains(stage + 1, train)
                stride, block = 1 if i else 2, self.checkpointed(MobileOneBlock, stage_train)
                x = block(channels, 3, branches, stride, 1, channels, **own, name=next(names))(x, stage_train)
                x = block(width, 1, branches, 1, 0, **own, name=next(names))(x, stage_train)
            if stage in self.returned:
                outputs.append(x)
        return tuple(outputs)

    @nn.nowrap
    def switch_to_deploy(self, variables: Variables) -> tuple[MobileOne, dict[str, Any]]:
        """The backbone with `deploy`, and its variables: each block's branches summed into one convolution.

        Raises:
            UserError: norms other than BatchNorm.
        """
        if self.deploy:
            return self, dict(variables)
        return self.clone(parent=None, deploy=True), merge_blocks(variables, self.norm_cfg)
