"""Convolution and linear layers, with PyTorch's argument names and default initial values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.arguments import is_one_of
from jaxcls.errors import UserError
from jaxcls.models.layers.conv2d import conv2d
from jaxcls.models.layers.initializers import Initializer, from_init_cfg, pytorch_bias, pytorch_kernel

IntOrPair = int | tuple[int, int]
Sides = tuple[tuple[int, int], tuple[int, int]]


def pair(value: IntOrPair) -> tuple[int, int]:
    """`value` for height and for width."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def padding_of(
    padding: IntOrPair | str, size: Sequence[int], kernel: IntOrPair, stride: IntOrPair, dilation: IntOrPair = 1
) -> Sides:
    """The zeros around an image of (H, W) pixels: ((above, below), (left, right)).

    Args:
        padding: zeros on each side; or as many as it takes for an axis of H pixels to give H / stride, rounded up:
            `same`, on both sides (of an odd number the greater part below and to the right, as TensorFlow has it),
            or `corner`, all below and to the right.
        size: (H, W).
        kernel: pixels down and across.
        stride: from one window to the next.
        dilation: from one pixel of a window to the next.

    Raises:
        UserError: another word.
    """
    if not isinstance(padding, str):
        vertical, horizontal = pair(padding)
        return (vertical, vertical), (horizontal, horizontal)
    if padding not in ("corner", "same"):
        raise UserError(f"padding={padding!r}; allowed: corner, same or numbers")
    sides = []
    for length, taps, step, gap in zip(size, pair(kernel), pair(stride), pair(dilation), strict=True):
        lacking = max((-(-length // step) - 1) * step + (taps - 1) * gap + 1 - length, 0)
        before = lacking // 2 if padding == "same" else 0
        sides.append((before, lacking - before))
    return sides[0], sides[1]


class Conv(nn.Module):
    """2-D convolution, `torch.nn.Conv2d`: (N, H, W, C) -> (N, H', W', features), computed in the input's dtype.

    Attributes:
        padding: see `padding_of`.
        standardised: each filter has mean 0 and deviation 1 (Qiao et al. 2019, arXiv:1903.10520; mmcv's `ConvWS`).
        kernel_init: initial kernel (kh, kw, C / groups, features), whatever `init_cfg` says.
    """

    features: int
    kernel_size: IntOrPair
    stride: IntOrPair = 1
    padding: IntOrPair | str = 0
    dilation: IntOrPair = 1
    groups: int = 1
    use_bias: bool = True
    kernel_init: Initializer | None = None
    standardised: bool = False

    @nn.compact
    def __call__(self, x: Array) -> Array:
        for count in (x.shape[-1], self.features):
            if count % self.groups:
                raise UserError(f"a convolution's {count} channels do not split into {self.groups} groups")
        shape = (*pair(self.kernel_size), x.shape[-1] // self.groups, self.features)
        kernel = _parameter(self, "kernel", ("Conv2d", "_ConvNd"), pytorch_kernel, shape, self.kernel_init)
        if self.standardised:
            kernel = _standardised(kernel)
        padding = padding_of(self.padding, x.shape[1:3], self.kernel_size, self.stride, self.dilation)
        y = conv2d(x, kernel.astype(x.dtype), pair(self.stride), padding, pair(self.dilation), self.groups)
        if self.use_bias:
            bias = _parameter(self, "bias", ("Conv2d", "_ConvNd"), pytorch_bias(shape), (self.features,))
            y = y + bias.astype(y.dtype)
        return y


def _standardised(kernel: Array, eps: float = 1e-5) -> Array:
    axes = tuple(range(kernel.ndim - 1))
    deviation = jnp.std(kernel, axes, ddof=1)
    return (kernel - jnp.mean(kernel, axes)) / (deviation + eps)


def product(x: Array, kernel: Array) -> Array:
    """(..., D) times (D, features) -> (..., features), in the dtype of `x`.

    As one product of two matrices: XLA's CPU programs take a fifth longer for the gradients where there are more axes.
    """
    y = jnp.dot(x.reshape(-1, x.shape[-1]), kernel.astype(x.dtype))
    return y.reshape(*x.shape[:-1], kernel.shape[-1])


class Linear(nn.Module):
    """Fully connected layer, `torch.nn.Linear`: (..., D) -> (..., features), computed in the input's dtype."""

    features: int
    use_bias: bool = True
    kernel_init: Initializer | None = None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        shape = (x.shape[-1], self.features)
        kernel = _parameter(self, "kernel", ("Linear",), pytorch_kernel, shape, self.kernel_init)
        y = product(x, kernel)
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
    """A float32 parameter that starts as `init`, else as `init_cfg` says, else as PyTorch would.

    Raises:
        UserError: it would be empty.
    """
    if min(shape) < 1:
        raise UserError(f"{'.'.join(layer.path)}: a {name} of shape {shape}; expected sizes from 1")

    def start(key: Array) -> Array:
        chosen = init or from_init_cfg(layer, layer_types, default, is_bias=name == "bias")
        return chosen(key, shape, jnp.float32)

    return layer.param(name, start)


# config name -> arguments of `Conv`
_KINDS: dict[str, dict[str, Any]] = {
    "Conv": {},
    "Conv2d": {},
    "Conv2dAdaptivePadding": {"padding": "same"},
    "ConvWS": {"standardised": True},
}


def build_conv(conv_cfg: Mapping[str, Any] | None, *args: Any, **kwargs: Any) -> Conv:
    """The convolution that `conv_cfg` names, with the given arguments.

    Raises:
        UserError: no such convolution.
    """
    if conv_cfg is not None and not isinstance(conv_cfg, Mapping):
        raise UserError(f"conv_cfg: {conv_cfg!r}; expected a dict with a 'type', or None")
    kind = (conv_cfg or {}).get("type", "Conv2d")
    if not is_one_of(kind, _KINDS):
        raise UserError(f"conv_cfg: type {kind!r}; allowed: {', '.join(_KINDS)}")
    given = dict(zip(("features", "kernel_size", "stride", "padding", "dilation", "groups"), args, strict=False))
    return Conv(**{**given, **kwargs, **_KINDS[kind]})
