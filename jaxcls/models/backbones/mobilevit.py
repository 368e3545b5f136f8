"""MobileViT (Mehta & Rastegari 2022, arXiv:2110.02178); mmpretrain/models/backbones/mobilevit.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError, close_names
from jaxcls.models.backbones.base import Backbone, Config
from jaxcls.models.backbones.layout import Layout, by_stage
from jaxcls.models.backbones.mobilenet_v2 import InvertedResidual
from jaxcls.models.backbones.resnet import KAIMING_INIT
from jaxcls.models.backbones.vision_transformer import TransformerEncoderLayer
from jaxcls.models.layers import BN, ConvModule, LayerNorm, Layers
from jaxcls.models.layers.position import resize_matrix

_SWISH: Config = nn.FrozenDict({"type": "Swish"})
_PATCH, _HEADS = 2, 4


class Convolutions(NamedTuple):
    """A stage of inverted residuals, the first with `stride`."""

    features: int
    stride: int
    depth: int
    expand_ratio: int = 4


class Transformers(NamedTuple):
    """A stage of one inverted residual with `stride` and one `MobileVitBlock`."""

    features: int
    stride: int
    width: int
    feedforward_channels: int
    depth: int
    expand_ratio: int = 4


_KINDS: dict[str, type[Convolutions | Transformers]] = {"mobilenetv2": Convolutions, "mobilevit": Transformers}
# table 4 of the paper
_ARCHITECTURES: dict[str, tuple[Convolutions | Transformers, ...]] = {
    "small": (
        Convolutions(32, 1, 1),
        Convolutions(64, 2, 3),
        Transformers(96, 2, 144, 288, 2),
        Transformers(128, 2, 192, 384, 4),
        Transformers(160, 2, 240, 480, 3),
    ),
    "x_small": (
        Convolutions(32, 1, 1),
        Convolutions(48, 2, 3),
        Transformers(64, 2, 96, 192, 2),
        Transformers(80, 2, 120, 240, 4),
        Transformers(96, 2, 144, 288, 3),
    ),
    "xx_small": (
        Convolutions(16, 1, 1, 2),
        Convolutions(24, 2, 3, 2),
        Transformers(48, 2, 64, 128, 2, 2),
        Transformers(64, 2, 80, 160, 4, 2),
        Transformers(80, 2, 96, 192, 3, 2),
    ),
}


def resized(x: Array, size: tuple[int, int]) -> Array:
    """(N, H, W, C) -> (N, *size, C), bilinear, as PyTorch's `interpolate(align_corners=False)`."""
    if x.shape[1:3] == size:
        return x
    rows, columns = (resize_matrix(src, dst, "bilinear") for src, dst in zip(x.shape[1:3], size, strict=True))
    values = x.astype(jnp.float32)
    return jnp.einsum("ih,jw,nhwc->nijc", rows, columns, values, precision="highest").astype(x.dtype)


class MobileVitBlock(nn.Module):
    """Convolutions, attention among the pixels of one place in all 2x2 patches, and convolutions: (N, H, W, C) -> same.

    Maps of odd sides are resized for the attention.

    Attributes:
        width: channels of the attention.
        feedforward_channels: width within its feed-forward parts.
        depth: how many layers of it there are.
    """

    width: int
    feedforward_channels: int
    depth: int
    layers: Layers = Layers(act_cfg=_SWISH)

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics."""
        channels, size = x.shape[-1], (x.shape[1], x.shape[2])
        y = ConvModule(channels, 3, 1, 1, layers=self.layers, name="local_rep.0")(x, train)
        bare = self.layers.replace(norm_cfg=None, act_cfg=None)
        y = ConvModule(self.width, 1, layers=bare, use_bias=False, name="local_rep.1")(y, train)
        rows, columns = (-(-side // _PATCH) for side in size)
        y = resized(y, (rows * _PATCH, columns * _PATCH))
        y = y.reshape(x.shape[0], rows, _PATCH, columns, _PATCH, self.width).transpose(0, 2, 4, 1, 3, 5)
        y = self._attend(y.reshape(-1, rows * columns, self.width), train)
        y = y.reshape(x.shape[0], _PATCH, _PATCH, rows, columns, self.width).transpose(0, 3, 1, 4, 2, 5)
        y = resized(y.reshape(x.shape[0], rows * _PATCH, columns * _PATCH, self.width), size)
        y = ConvModule(channels, 1, layers=self.layers, name="conv_proj")(y, train)
        y = jnp.concatenate([x, y], axis=-1)
        return ConvModule(channels, 3, 1, 1, layers=self.layers, name="conv_fusion")(y, train)

    def _attend(self, tokens: Array, train: bool) -> Array:
        for i in range(self.depth):
            tokens = TransformerEncoderLayer(
                _HEADS, self.feedforward_channels, act_cfg=_SWISH, xavier_ffn=False, name=f"global_rep.{i}"
            )(tokens, train)
        return LayerNorm(name=f"global_rep.{self.depth}")(tokens)


class MobileViT(Backbone):
    """Images (N, H, W, C) -> a tuple of stages' outputs, (N, H / 2, W / 2, C') the first of them.

    Attributes:
        arch: small, x_small or xx_small, or a list of stages: `["mobilenetv2", features, stride, depth, expand_ratio]`
            or `["mobilevit", features, stride, width, feedforward_channels, depth, expand_ratio]`.
        stem_channels: of the first convolution.
        last_exp_factor: what the last convolution multiplies the channels by.
        out_indices: the stages to return, from 0; the last comes after the last convolution.
        frozen_stages: so many stages are as in evaluation and not trained, the stem not among them; 0, -1: none.
        conv_cfg: of the first and the last convolution, as norm_cfg and act_cfg; the others have the defaults.
        with_cp: activations of a block are computed again in the backward pass, to save memory.

    Raises:
        UserError: an architecture or stage that is not there.
    """

    arch: str | Sequence[Any] = "small"
    in_channels: int = 3  # the original's configs give it; the layers take what comes
    stem_channels: int = 16
    last_exp_factor: int = 4
    out_indices: int | tuple[int, ...] = (4,)
    frozen_stages: int = -1
    conv_cfg: Config | None = None
    norm_cfg: Config = BN
    act_cfg: Config = _SWISH
    with_cp: bool = False
    init_cfg: Any = KAIMING_INIT

    layout: ClassVar[Layout] = Layout(
        stem=("stem",), blocks=("layers.{stage}.{block}",), rest=("conv_1x1_exp",), first=0, place=by_stage
    )

    @property
    def stages(self) -> tuple[Convolutions | Transformers, ...]:
        """Of the architecture."""
        if isinstance(self.arch, str):
            if self.arch.lower() not in _ARCHITECTURES:
                raise UserError(f"arch={self.arch!r}; {close_names(self.arch, _ARCHITECTURES)}, or a list of stages")
            return _ARCHITECTURES[self.arch.lower()]
        try:
            return tuple(_KINDS[row[0]](*row[1:]) for row in self.arch)
        except (KeyError, IndexError, TypeError) as error:
            raise UserError(f"arch={self.arch!r}; a stage is a list, {' or '.join(_KINDS)} and its numbers") from error

    @property
    def num_outputs(self) -> int:
        return len(self.stages)

    @property
    def num_stages_to_freeze(self) -> int:
        return self.num_outputs - 1

    def trains(self, stage: int, train: bool) -> bool:
        """The stem always does."""
        return train and (stage == 0 or super().trains(stage, train))

    def is_frozen(self, path: tuple[str, ...]) -> bool:
        """The stem never is."""
        return path[0] != "stem" and super().is_frozen(path)

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with batch statistics, but for what is frozen."""
        own, inner = Layers(self.conv_cfg, self.norm_cfg, self.act_cfg), Layers(act_cfg=_SWISH)
        x = ConvModule(self.stem_channels, 3, 2, 1, layers=own, name="stem")(x, train)
        outputs = []
        for index, stage in enumerate(self.stages):
            stage_train = self.trains(index + 1, train)
            for i in range(1 if isinstance(stage, Transformers) else stage.depth):
                stride = 1 if i else stage.stride
                block = self.checkpointed(InvertedResidual, stage_train)
                name = f"layers.{index}.{i}"
                x = block(stage.features, stride, stage.expand_ratio, inner, name=name)(x, stage_train)
            if isinstance(stage, Transformers):
                numbers = (stage.width, stage.feedforward_channels, stage.depth)
                attend = self.checkpointed(MobileVitBlock, stage_train)
                x = attend(*numbers, inner, name=f"layers.{index}.1")(x, stage_train)
            if index == self.num_outputs - 1:
                width = self.last_exp_factor * x.shape[-1]
                x = ConvModule(width, 1, layers=own, name="conv_1x1_exp")(x, train)
            if index in self.returned:
                outputs.append(x)
        return tuple(outputs)
