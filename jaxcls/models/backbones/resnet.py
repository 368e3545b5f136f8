"""ResNet (He et al. 2016, arXiv:1512.03385) and its variants v1c, v1d (He et al. 2019, arXiv:1812.01187).

After mmcls/models/backbones/resnet.py and resnet_cifar.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.backbones.base import Backbone
from jaxcls.models.layers import ConvModule, DropPath, avg_pool, build_conv, build_norm, max_pool, norm_name

Config = Mapping[str, Any]

_BN = {"type": "BN", "requires_grad": True}
_INIT = (
    {"type": "Kaiming", "layer": ("Conv2d",)},
    {"type": "Constant", "val": 1, "layer": ("_BatchNorm", "GroupNorm")},
)
_zeros = jax.nn.initializers.zeros


class _Block(nn.Module):
    """A residual block: (N, H, W, C) -> (N, H / stride, W / stride, features)."""

    features: int
    expansion: int
    stride: int = 1
    dilation: int = 1
    style: str = "pytorch"
    downsample: bool = False
    avg_down: bool = False
    conv_cfg: Config | None = None
    norm_cfg: Config = nn.FrozenDict(_BN)
    zero_init_residual: bool = True
    drop_path_rate: float = 0.0

    def conv(self, features: int, window: int, stride: int, name: str, dilation: int = 1) -> nn.Module:
        padding = dilation * (window // 2)
        return build_conv(
            self.conv_cfg, features, window, stride, padding, dilation=dilation, use_bias=False, name=name
        )

    def norm(self, index: int, last: bool = False) -> nn.Module:
        scale_init = _zeros if last and self.zero_init_residual else None
        return build_norm(self.norm_cfg, norm_name(self.norm_cfg, index), scale_init=scale_init)

    def shortcut(self, x: Array, train: bool) -> Array:
        """The identity, or a projection whose parts are numbered as in the original's nn.Sequential."""
        if not self.downsample:
            return x
        stride, first = self.stride, 0
        if self.avg_down and stride != 1:
            x, stride, first = avg_pool(x, stride, ceil_mode=True), 1, 1
        x = self.conv(self.features, 1, stride, f"downsample.{first}")(x)
        return build_norm(self.norm_cfg, f"downsample.{first + 1}")(x, train)

    def add(self, branch: Array, x: Array, train: bool, norm_train: bool) -> Array:
        branch = DropPath(self.drop_path_rate)(branch, train)
        return nn.relu(branch + self.shortcut(x, norm_train))


class BasicBlock(_Block):
    """Two 3x3 convolutions (ResNet-18 and -34)."""

    @nn.compact
    def __call__(self, x: Array, train: bool = False, norm_train: bool = False) -> Array:
        y = self.conv(self.features // self.expansion, 3, self.stride, "conv1", self.dilation)(x)
        y = nn.relu(self.norm(1)(y, norm_train))
        y = self.conv(self.features, 3, 1, "conv2")(y)
        return self.add(self.norm(2, last=True)(y, norm_train), x, train, norm_train)


class Bottleneck(_Block):
    """1x1, 3x3, 1x1 convolutions; the stride is the 3x3's (`style` pytorch) or the first 1x1's (caffe)."""

    @nn.compact
    def __call__(self, x: Array, train: bool = False, norm_train: bool = False) -> Array:
        width = self.features // self.expansion
        first, second = (1, self.stride) if self.style == "pytorch" else (self.stride, 1)
        y = nn.relu(self.norm(1)(self.conv(width, 1, first, "conv1")(x), norm_train))
        y = nn.relu(self.norm(2)(self.conv(width, 3, second, "conv2", self.dilation)(y), norm_train))
        y = self.conv(self.features, 1, 1, "conv3")(y)
        return self.add(self.norm(3, last=True)(y, norm_train), x, train, norm_train)


# depth: (block, its expansion, blocks in each stage); table 1 of the paper
_ARCHITECTURES: dict[int, tuple[type[_Block], int, tuple[int, ...]]] = {
    18: (BasicBlock, 1, (2, 2, 2, 2)),
    34: (BasicBlock, 1, (3, 4, 6, 3)),
    50: (Bottleneck, 4, (3, 4, 6, 3)),
    101: (Bottleneck, 4, (3, 4, 23, 3)),
    152: (Bottleneck, 4, (3, 8, 36, 3)),
}


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
    out_indices: tuple[int, ...] = (3,)
    style: str = "pytorch"
    deep_stem: bool = False
    avg_down: bool = False
    frozen_stages: int = -1
    conv_cfg: Config | None = None
    norm_cfg: Config = nn.FrozenDict(_BN)
    norm_eval: bool = False
    with_cp: bool = False
    zero_init_residual: bool = True
    init_cfg: Any = _INIT
    drop_path_rate: float = 0.0

    def __post_init__(self) -> None:
        if self.depth not in _ARCHITECTURES:
            raise UserError(f"depth={self.depth}; allowed: {', '.join(map(str, _ARCHITECTURES))}")
        if self.style not in ("pytorch", "caffe"):
            raise UserError(f"style={self.style!r}; allowed: pytorch, caffe")
        if not 1 <= self.num_stages <= 4 or max(self.out_indices) >= self.num_stages:
            raise UserError(f"out_indices={self.out_indices} with num_stages={self.num_stages}; stages are 0 to 3")
        super().__post_init__()

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        norm_train = train and not self.norm_eval
        x = self.stem(x, norm_train and self.frozen_stages < 0)
        outputs = []
        for index in range(self.num_stages):
            x = self.stage(x, index, train, norm_train and index >= self.frozen_stages)
            if index in self.out_indices:
                outputs.append(x)
        return tuple(outputs)

    def stem(self, x: Array, train: bool) -> Array:
        return max_pool(self.stem_convolutions(x, 2, train), 3, 2, 1)

    def stem_convolutions(self, x: Array, stride: int, train: bool) -> Array:
        if self.deep_stem:
            half = self.stem_channels // 2
            for i, features in enumerate((half, half, self.stem_channels)):
                x = ConvModule(
                    features,
                    3,
                    stride if i == 0 else 1,
                    padding=1,
                    conv_cfg=self.conv_cfg,
                    norm_cfg=self.norm_cfg,
                    act_cfg={"type": "ReLU"},
                    name=f"stem.{i}",
                )(x, train)
            return x
        x = build_conv(self.conv_cfg, self.stem_channels, 7, stride, 3, use_bias=False, name="conv1")(x)
        return nn.relu(build_norm(self.norm_cfg, norm_name(self.norm_cfg, 1))(x, train))

    def stage(self, x: Array, index: int, train: bool, norm_train: bool) -> Array:
        block, expansion, depths = _ARCHITECTURES[self.depth]
        expansion = self.expansion or expansion
        features = self.base_channels * 2**index * expansion
        if train and self.with_cp:
            block = nn.remat(block, static_argnums=(2, 3))
        for i in range(depths[index]):
            stride = self.strides[index] if i == 0 else 1
            x = block(
                features,
                expansion,
                stride,
                self.dilations[index],
                self.style,
                downsample=i == 0 and (stride != 1 or x.shape[-1] != features),
                avg_down=self.avg_down,
                conv_cfg=self.conv_cfg,
                norm_cfg=self.norm_cfg,
                zero_init_residual=self.zero_init_residual,
                drop_path_rate=self.drop_path_rate,
                name=f"layer{index + 1}.{i}",
            )(x, train, norm_train)
        return x

    def is_frozen(self, path: tuple[str, ...]) -> bool:
        """Of the stem and the stages below `frozen_stages`; norms too where `norm_cfg` has `requires_grad=False`."""
        if not self.norm_cfg.get("requires_grad", True) and path[-1] in ("scale", "bias"):
            return True  # no convolution here has a bias
        if path[0].startswith("layer"):
            return int(path[0][len("layer")]) <= self.frozen_stages
        return self.frozen_stages >= 0


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
        x = build_conv(self.conv_cfg, self.stem_channels, 3, 1, 1, use_bias=False, name="conv1")(x)
        return nn.relu(build_norm(self.norm_cfg, norm_name(self.norm_cfg, 1))(x, train))
