"""Convolution and linear layers, with PyTorch's argument names and default initial values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.layers.conv2d import conv2d
from jaxcls.models.layers.initializers import Initializer, from_init_cfg, pytorch_bias, pytorch_kernel

IntOrPair = int | tuple[int, int]


def pair(value: IntOrPair) -> tuple[int, int]:
    """`value` for height and for width."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


class Conv(nn.Module):
    """2-D convolution, `torch.nn.Conv2d`: (N, H, W, C) -> (N, H', W', features), computed in the input's dtype.

    Attributes:
        kernel_init: initial kernel (kh, kw, C / groups, features), whatever `init_cfg` says.
    """

    features: int
    kernel_size: IntOrPair
    stride: IntOrPair = 1
    padding: IntOrPair = 0
    dilation: IntOrPair = 1
    groups: int = 1
    use_bias: bool = True
    kernel_init: Initializer | None = None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        shape = (*pair(self.kernel_size), x.shape[-1] // self.groups, self.features)
        kernel = _parameter(self, "kernel", ("Conv2d", "_ConvNd"), pytorch_kernel, shape, self.kernel_init)
        vertical, horizontal = pair(self.padding)
        padding = ((vertical, vertical), (horizontal, horizontal))
        y = conv2d(x, kernel.astype(x.dtype), pair(self.stride), padding, pair(self.dilation), self.groups)
        if self.use_bias:
            bias = _parameter(self, "bias", ("Conv2d", "_ConvNd"), pytorch_bias(shape), (self.features,))
            y = y + bias.astype(y.dtype)
        return y


class Linear(nn.Module):
    """Fully connected layer, `torch.nn.Linear`: (..., D) -> (..., features), computed in the input's dtype."""

    features: int
    use_bias: bool = True
    kernel_init: Initializer | None = None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        shape = (x.shape[-1], self.features)
        kernel = _parameter(self, "kernel", ("Linear",), pytorch_kernel, shape, self.kernel_init)
        y = jnp.dot(x, kernel.astype(x.dtype))
        if self.use_bias:
            y = y + _parameter(self, "bias", ("Linear",), pytorch_bias(shape), (self.features,)).astype(y.dtype)
        return y


def _parameter(
    layer: nn.Module,
    name: str,
    layer_types: tuple[str, ...],
    default: Initializer,
    shape: tuple[int, ...],
    init: Initializer | None = None,
) -> Array:
    """A float32 parameter that starts as `init`, else as `init_cfg` says, else as PyTorch would."""

    def start(key: Array) -> Array:
        chosen = init or from_init_cfg(layer, layer_types, default, is_bias=name == "bias")
        return chosen(key, shape, jnp.float32)

    return layer.param(name, start)


def build_conv(conv_cfg: Mapping[str, Any] | None, *args: Any, **kwargs: Any) -> Conv:
    """The convolution that `conv_cfg` names (`Conv2d`, also by the name `Conv`), with the given arguments."""
    kind = (conv_cfg or {}).get("type", "Conv2d")
    if kind not in ("Conv", "Conv2d"):
        raise UserError(f"conv_cfg: type {kind!r}; allowed: Conv, Conv2d")
    return Conv(*args, **kwargs)
