"""Inception V3 (Szegedy et al. 2016, arXiv:1512.00567).

After mmpretrain/models/backbones/inception_v3.py, whose source is torchvision.
"""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.models.backbones.base import Backbone, Config
from jaxcls.models.backbones.layout import Layout, by_stage
from jaxcls.models.layers import ConvModule, Layers, Linear, avg_pool, global_avg_pool, max_pool

_LAYERS = Layers(norm_cfg={"type": "BN", "eps": 1e-3})
_INIT = (
    {"type": "TruncNormal", "layer": ("Conv2d", "Linear"), "std": 0.1},
    {"type": "Constant", "layer": "BatchNorm2d", "val": 1},
)
_AUX_INIT = (
    {"type": "TruncNormal", "layer": "Conv2d", "std": 0.01},
    {"type": "TruncNormal", "layer": "Linear", "std": 0.001},
)

# A branch is a chain of (name, channels, window, stride); a window that does not stride is padded so that H and W stay.
Chain = tuple[tuple[str, int, tuple[int, int], int], ...]


def _conv(x: Array, train: bool, name: str, features: int, window: tuple[int, int], stride: int = 1) -> Array:
    padding = (window[0] // 2, window[1] // 2) if stride == 1 else (0, 0)
    return ConvModule(features, window, stride, padding, layers=_LAYERS, name=name)(x, train)


def _chain(name: str, *steps: tuple[int, tuple[int, int], int]) -> Chain:
    """Convolutions `name_1`, `name_2` and so on."""
    return tuple((f"{name}_{i}", *step) for i, step in enumerate(steps, 1))


class Inception(nn.Module):
    """Chains of convolutions beside each other, their results side by side: (N, H, W, C) -> (N, H', W', C').

    Attributes:
        chains: of the block.
        pool_features: channels of a convolution after the mean over 3x3; 0: the maximum over 3x3 with stride 2.
        forks: a chain's last name -> convolutions that follow it and lie side by side.
    """

    chains: tuple[Chain, ...]
    pool_features: int = 0
    forks: Config = nn.FrozenDict()

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics."""
        outputs = []
        for chain in self.chains:
            y = x
            for step in chain:
                y = _conv(y, train, *step)
            fork = self.forks.get(chain[-1][0], ())
            outputs += [_conv(y, train, *step) for step in fork] if fork else [y]
        if self.pool_features:
            outputs.append(_conv(avg_pool(x, 3, 1, 1), train, "branch_pool", self.pool_features, (1, 1)))
        else:
            outputs.append(max_pool(x, 3, 2))
        return jnp.concatenate(outputs, axis=-1)


_1X1, _3X3, _5X5, _1X7, _7X1 = (1, 1), (3, 3), (5, 5), (1, 7), (7, 1)


def _a(pool_features: int, name: str) -> Inception:
    small = (("branch1x1", 64, _1X1, 1),)
    five = _chain("branch5x5", (48, _1X1, 1), (64, _5X5, 1))
    double = _chain("branch3x3dbl", (64, _1X1, 1), (96, _3X3, 1), (96, _3X3, 1))
    return Inception((small, five, double), pool_features, name=name)


def _b(name: str) -> Inception:
    double = _chain("branch3x3dbl", (64, _1X1, 1), (96, _3X3, 1), (96, _3X3, 2))
    return Inception(((("branch3x3", 384, _3X3, 2),), double), name=name)


def _c(width: int, name: str) -> Inception:
    small = (("branch1x1", 192, _1X1, 1),)
    seven = _chain("branch7x7", (width, _1X1, 1), (width, _1X7, 1), (192, _7X1, 1))
    turns = [(width, window, 1) for window in (_1X1, _7X1, _1X7, _7X1)]
    return Inception((small, seven, _chain("branch7x7dbl", *turns, (192, _1X7, 1))), 192, name=name)


def _d(name: str) -> Inception:
    three = _chain("branch3x3", (192, _1X1, 1), (320, _3X3, 2))
    seven = _chain("branch7x7x3", (192, _1X1, 1), (192, _1X7, 1), (192, _7X1, 1), (192, _3X3, 2))
    return Inception((three, seven), name=name)


def _e(name: str) -> Inception:
    small = (("branch1x1", 320, _1X1, 1),)
    three = _chain("branch3x3", (384, _1X1, 1))
    double = _chain("branch3x3dbl", (448, _1X1, 1), (384, _3X3, 1))
    forks = {
        chain[-1][0]: tuple((f"{prefix}{side}", 384, window, 1) for side, window in (("a", (1, 3)), ("b", (3, 1))))
        for chain, prefix in ((three, "branch3x3_2"), (double, "branch3x3dbl_3"))
    }
    return Inception((small, three, double), 192, nn.FrozenDict(forks), name=name)


class InceptionAux(nn.Module):
    """The classifier beside the network: (N, H, W, C) -> logits (N, num_classes)."""

    num_classes: int
    init_cfg: Any = _AUX_INIT

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics."""
        x = _conv(avg_pool(x, 5, 3), train, "conv0", 128, _1X1)
        x = ConvModule(768, 5, layers=_LAYERS, name="conv1")(x, train)
        return Linear(self.num_classes, name="fc")(global_avg_pool(x))


class InceptionV3(Backbone):
    """Images (N, H, W, C), best of 299 pixels, -> a tuple of logits (N, num_classes), for a `ClsHead`.

    Attributes:
        num_classes: K of the logits.
        aux_logits: whether there is an auxiliary classifier in the middle, whose logits come first in training. They
            count with `ClsHead(aux_weight=0.4)`; without it, as in mmpretrain, whose configs have no such classifier,
            they do not.
        dropout: rate before the last layer.
    """

    num_classes: int = 1000
    aux_logits: bool = False
    dropout: float = 0.5
    init_cfg: Any = _INIT

    layout: ClassVar[Layout] = Layout(
        stem=("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3"),
        blocks=tuple(f"Mixed_{{stage}}{letter}" for letter in "abcde"),
        rest=("AuxLogits", "fc"),
        first=5,
        place=by_stage,
    )

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with batch statistics, dropout and, where there is such, the second classifier."""
        x = self.stem(x, train)
        for block in (_a(32, "Mixed_5b"), _a(64, "Mixed_5c"), _a(64, "Mixed_5d"), _b("Mixed_6a")):
            x = block(x, train)
        for letter, width in zip("bcde", (128, 160, 160, 192), strict=True):
            x = _c(width, f"Mixed_6{letter}")(x, train)
        outputs: tuple[Array, ...] = ()
        if self.aux_logits and (train or self.is_initializing()):
            outputs = (InceptionAux(self.num_classes, name="AuxLogits")(x, train),)
        for block in (_d("Mixed_7a"), _e("Mixed_7b"), _e("Mixed_7c")):
            x = block(x, train)
        x = nn.Dropout(self.dropout)(global_avg_pool(x), deterministic=not train)
        return (*outputs, Linear(self.num_classes, name="fc")(x))

    def stem(self, x: Array, train: bool) -> Array:
        """(N, H, W, C) -> (N, H / 8, W / 8, 192), a few pixels less."""
        for name, features, stride, padding in (("1a", 32, 2, 0), ("2a", 32, 1, 0), ("2b", 64, 1, 1)):
            x = ConvModule(features, 3, stride, padding, layers=_LAYERS, name=f"Conv2d_{name}_3x3")(x, train)
        x = ConvModule(80, 1, layers=_LAYERS, name="Conv2d_3b_1x1")(max_pool(x, 3, 2), train)
        return max_pool(ConvModule(192, 3, layers=_LAYERS, name="Conv2d_4a_3x3")(x, train), 3, 2)
