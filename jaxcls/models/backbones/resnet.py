"""ResNet (He et al. 2016, arXiv:1512.03385) and its variants v1c, v1d (He et al. 2019, arXiv:1812.01187).

After mmcls/models/backbones/resnet.py and resnet_cifar.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import jax
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.backbones.base import Backbone, Config, one_a_stage, variant_of
from jaxcls.models.backbones.layout import Layout, by_stage
from jaxcls.models.layers import BN, ConvModule, DropPath, Layers, avg_pool, max_pool, residual

KAIMING_INIT = (
    {"type": "Kaiming", "layer": ("Conv2d",)},
    {"type": "Constant", "val": 1, "layer": ("_BatchNorm", "GroupNorm")},
)
_zeros = jax.nn.initializers.zeros


class ResidualBlock(nn.Module):
    """A residual block: (N, H, W, C) -> (N, H / stride, W / stride, features)."""

    features: int
    expansion: int
    stride: int = 1
    dilation: int = 1
    style: str = "pytorch"
    downsample: bool = False
    avg_down: bool = False
    layers: Layers = Layers()
    zero_init_residual: bool = True
    drop_path_rate: float = 0.0

    @property
    def width(self) -> int:
        """Channels within the block."""
        return self.features // self.expansion

    def conv(self, features: int, window: int, stride: int, name: str, dilation: int = 1, groups: int = 1) -> nn.Module:
        return self.layers.conv(features, window, stride, dilation * (window // 2), dilation, groups, name=name)

    def norm(self, index: int, last: bool = False) -> nn.Module:
        return self.layers.norm(self.layers.norm_name(index), _zeros if last and self.zero_init_residual else None)

    def shortcut(self, x: Array, train: bool) -> Array:
        """The identity, or a projection whose parts are numbered as in the original's nn.Sequential."""
        if not self.downsample:
            return x
        stride, first = self.stride, 0
        if self.avg_down and stride != 1:
            x, stride, first = avg_pool(x, stride, ceil_mode=True), 1, 1
        x = self.conv(self.features, 1, stride, f"downsample.{first}")(x)
        return self.layers.norm(f"downsample.{first + 1}")(x, train)

    def add(self, branch: Array, x: Array, train: bool) -> Array:
        return self.layers.act(residual(self.shortcut(x, train), DropPath(self.drop_path_rate)(branch, train)))


class BasicBlock(ResidualBlock):
    """Two 3x3 convolutions (ResNet-18 and -34)."""

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        y = self.conv(self.width, 3, self.stride, "conv1", self.dilation)(x)
        y = self.layers.act(self.norm(1)(y, train))
        y = self.conv(self.features, 3, 1, "conv2")(y)
        return self.add(self.norm(2, last=True)(y, train), x, train)


class Bottleneck(ResidualBlock):
    """1x1, 3x3, 1x1 convolutions; the stride is the 3x3's (`style` pytorch) or the first 1x1's (caffe).

    Attributes:
        groups: of the 3x3 convolution.
    """

    groups: int = 1

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        first, second = (1, self.stride) if self.style == "pytorch" else (self.stride, 1)
        y = self.layers.act(self.norm(1)(self.conv(self.width, 1, first, "conv1")(x), train))
        y = self.middle(y, second, train)
        y = self.norm(3, last=True)(self.conv(self.features, 1, 1, "conv3")(y), train)
        return self.add(self.branch_end(y), x, train)

    def middle(self, y: Array, stride: int, train: bool) -> Array:
        """What stands between the 1x1 convolutions."""
        y = self.conv(self.width, 3, stride, "conv2", self.dilation, self.groups)(y)
        return self.layers.act(self.norm(2)(y, train))

    def branch_end(self, y: Array) -> Array:
        """What becomes of the branch before the shortcut is added."""
        return y


class ResNet(Backbone):
    """Images (N, H, W, C) -> a tuple of the stages' outputs, (N, H / 4, W / 4, C') the first of them.

    Attributes:
        depth: 18, 34, 50, 101 or 152.
        stem_channels: channels after the stem.
        base_channels: channels within the first stage's blocks (twice as many make a Wide ResNet).
        expansion: a block's output over its inner channels; None: the block's own.
        out_indices: the stages to return, from 0.
        style: pytorch, where a bottleneck's stride is in its 3x3 convolution, or caffe, where it is in the first.
        deep_stem: three 3x3 convolutions in place of the 7x7.
        avg_down: shortcuts pool, then project with stride 1.
        frozen_stages: the stem (0) and so many stages are not trained, their statistics included; -1: none.
        norm_eval: no batch statistics at all.
        with_cp: activations of a block are computed again in the backward pass, to save memory.
        zero_init_residual: the last norm of each block starts at zero.
        drop_path_rate: probability of dropping a block's branch, the same for all.

    Raises:
        UserError: a depth, style or stage that is not there.
    """

    depth: int
    in_channels: int = 3
    stem_channels: int = 64
    base_channels: int = 64
    expansion: int | None = None
    num_stages: int = 4
    strides: tuple[int, ...] = (1, 2, 2, 2)
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
    init_cfg: Any = KAIMING_INIT
    drop_path_rate: float = 0.0

    # depth: (block, its expansion, blocks in each stage); table 1 of the paper
    variants: ClassVar[Mapping[int, Any]] = {
        18: (BasicBlock, 1, (2, 2, 2, 2)),
        34: (BasicBlock, 1, (3, 4, 6, 3)),
        50: (Bottleneck, 4, (3, 4, 6, 3)),
        101: (Bottleneck, 4, (3, 4, 23, 3)),
        152: (Bottleneck, 4, (3, 8, 36, 3)),
    }
    layout: ClassVar[Layout] = Layout(
        stem=("conv1", "bn1", "gn1", "ln1", "in1", "stem"), blocks=("layer{stage}.{block}",), place=by_stage
    )

    def __post_init__(self) -> None:
        variant_of(self.depth, self.variants, "depth")
        if self.style not in ("pytorch", "caffe"):
            raise UserError(f"style={self.style!r}; allowed: pytorch, caffe")
        if self.num_stages not in range(1, 5):
            raise UserError(f"num_stages={self.num_stages!r}; allowed: 1 to 4")
        one_a_stage(self.strides, self.num_stages, "strides")
        one_a_stage(self.dilations, self.num_stages, "dilations")
        super().__post_init__()

    @property
    def num_outputs(self) -> int:
        return self.num_stages

    @property
    def layers(self) -> Layers:
        """What the blocks are made of."""
        return Layers(self.conv_cfg, self.norm_cfg, norm_eval=self.norm_eval)

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        x = self.stem(x, self.trains(0, train))
        outputs = []
        for index in range(self.num_stages):
            x = self.stage(x, index, self.trains(index + 1, train))
            if index in self.returned:
                outputs.append(x)
        return tuple(outputs)

    @nn.nowrap
    def block_arguments(self, first: bool) -> dict[str, Any]:
        """What a family's blocks, and the first of a stage, take beside the arguments of `ResidualBlock`."""
        return {}

    def stem(self, x: Array, train: bool) -> Array:
        if not self.deep_stem:
            return max_pool(self.first_convolution(x, 7, 2, train), 3, 2, 1)
        half = self.stem_channels // 2
        for i, (features, stride) in enumerate(((half, 2), (half, 1), (self.stem_channels, 1))):
            x = ConvModule(features, 3, stride, 1, layers=self.layers, name=f"stem.{i}")(x, train)
        return max_pool(x, 3, 2, 1)

    def first_convolution(self, x: Array, window: int, stride: int, train: bool) -> Array:
        x = self.layers.conv(self.stem_channels, window, stride, window // 2, name="conv1")(x)
        return nn.relu(self.layers.norm(self.layers.norm_name(1))(x, train))

    def stage(self, x: Array, index: int, train: bool) -> Array:
        kind, expansion, depths = self.variants[self.depth]
        expansion = self.expansion or expansion
        features = self.base_channels * 2**index * expansion
        for i in range(depths[index]):
            stride = self.strides[index] if i == 0 else 1
            x = self.checkpointed(kind, train)(
                features,
                expansion,
                stride,
                self.dilations[index],
                self.style,
                downsample=i == 0 and (stride != 1 or x.shape[-1] != features),
                avg_down=self.avg_down,
                layers=self.layers,
                zero_init_residual=self.zero_init_residual,
                drop_path_rate=self.drop_path_rate,
                **self.block_arguments(i == 0),
                name=f"layer{index + 1}.{i}",
            )(x, train)
        return x


class ResNetV1c(ResNet):
    """ResNet with the deep stem."""

    deep_stem: bool = True


class ResNetV1d(ResNet):
    """ResNet with the deep stem and pooling shortcuts."""

    deep_stem: bool = True
    avg_down: bool = True


class ResNet_CIFAR(ResNet):
    """ResNet for small images: a 3x3 stem of stride 1, no max pooling."""

    def __post_init__(self) -> None:
        if self.deep_stem:
            raise UserError("deep_stem=True; ResNet_CIFAR has no deep stem")
        super().__post_init__()

    def stem(self, x: Array, train: bool) -> Array:
        return self.first_convolution(x, 3, 1, train)
