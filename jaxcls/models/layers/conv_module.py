"""Convolution, normalisation and activation as one block (mmcv/cnn/bricks/conv_module.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flax import linen as nn
from jax import Array

from jaxcls.models.layers.conv import IntOrPair
from jaxcls.models.layers.kit import Layers

KAIMING: Mapping[str, Any] = nn.FrozenDict({"type": "Kaiming", "layer": "Conv2d"})


class ConvModule(nn.Module):
    """(N, H, W, C) -> (N, H', W', features).

    Attributes:
        layers: what it is made of; `layers.replace(act_cfg=None)` leaves the activation out.
        use_bias: whether the convolution has a bias; None: only where no norm follows it.
        own_init: initial values whatever the modules around say, in the form of `init_cfg`: `KAIMING` where the
            original's initialisation comes down to this block.
        default_init: initial values where no module around says any; None: PyTorch's, for blocks that are no
            `ConvModule` in the original.
    """

    features: int
    kernel_size: IntOrPair
    stride: IntOrPair = 1
    padding: IntOrPair = 0
    dilation: IntOrPair = 1
    groups: int = 1
    layers: Layers = Layers()
    use_bias: bool | None = None
    own_init: Any = None
    default_init: Any = KAIMING

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics."""
        use_bias = self.layers.norm_cfg is None if self.use_bias is None else self.use_bias
        window = (self.kernel_size, self.stride, self.padding, self.dilation, self.groups)
        x = self.layers.conv(self.features, *window, use_bias=use_bias, name="conv")(x)
        return self.layers.act(self.layers.norm(self.layers.norm_name())(x, train))
