"""Normalisation layers by their config names (`norm_cfg`), equal to PyTorch's; statistics are float32 throughout.

All are called as `layer(x, train)`, so that a block need not know which one it has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array, lax

from jaxcls import collectives
from jaxcls.arguments import is_one_of, unknown_keys
from jaxcls.errors import UserError, close_names, refuse
from jaxcls.models.layers.initializers import Initializer, constant, from_init_cfg
from jaxcls.models.layers.platforms import traced_once

# the collection in which a norm with `requires_grad=False` says that its parameters stay as they are
FROZEN = "frozen"


class Norm(nn.Module):
    """What all norms share.

    Attributes:
        eps: added to the variance.
        requires_grad: whether training moves scale and bias.
    """

    eps: float = 1e-5
    requires_grad: bool = True
    layer_types: ClassVar[tuple[str, ...]] = ()  # the names by which `init_cfg` may call it
    scale_name: ClassVar[str] = "scale"  # by which the optimiser's rules know a norm

    def scale_and_bias(self, channels: int, init: Initializer | None = None) -> tuple[Array, Array]:
        """Scale and bias (C,): ones and zeros unless `init` or the `init_cfg` around says otherwise."""
        scale_init = init or from_init_cfg(self, self.layer_types, constant(1.0), is_bias=False)
        bias_init = from_init_cfg(self, self.layer_types, constant(0.0), is_bias=True)
        scale = self.param(self.scale_name, scale_init, (channels,), jnp.float32)
        bias = self.param("bias", bias_init, (channels,), jnp.float32)
        scale, bias = (
            scale.astype(jnp.float32),
            bias.astype(jnp.float32),
        )  # where it is no norm to the precision, either
        if self.requires_grad:
            return scale, bias
        if not self.is_initializing():
            self.sow(FROZEN, "affine", jnp.zeros(()))
        return lax.stop_gradient(scale), lax.stop_gradient(bias)


def _normalise(x: Array, mean: Array, var: Array, scale: Array, bias: Array, eps: float) -> Array:
    return _affine(x.astype(jnp.float32), mean, lax.rsqrt(var + eps) * scale, bias)


# Where the statistics are the batch's own, autodiff's gradient takes four sums over all pixels. In these forms of the
# derivatives, which hold for every order, it takes two, and a third of the time on a CPU.


@partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def _moments(x: Array, axes: tuple[int, ...], keepdims: bool) -> tuple[Array, Array]:
    """Mean and biased variance along some axes of `x` (…), kept with size 1 or left out."""
    mean = jnp.mean(x, axes, keepdims=keepdims)
    # Two passes: the mean of squares less the square of the mean loses digits that some training runs need.
    return mean, jnp.mean(lax.square(x - mean), axes, keepdims=keepdims)


@_moments.defjvp
def _moments_tangents(
    axes: tuple[int, ...], keepdims: bool, primals: tuple[Array], tangents: tuple[Array]
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    (x,), (dx,) = primals, tangents
    mean, var = _moments(x, axes, keepdims)
    d_mean, half = (jnp.mean(value, axes, keepdims=keepdims) for value in (dx, (x - mean) * dx))
    return (mean, var), (d_mean, 2 * half)  # the mean of x - mean is 0, and so what d_mean adds


@jax.custom_jvp
def _affine(x: Array, mean: Array, factor: Array, bias: Array) -> Array:
    """`x` (…), and the others of shapes that spread over it, to the shape of `x`."""
    return (x - mean) * factor + bias


@_affine.defjvp
def _affine_tangents(
    primals: tuple[Array, Array, Array, Array], tangents: tuple[Array, Array, Array, Array]
) -> tuple[Array, Array]:
    x, mean, factor, _ = primals
    dx, d_mean, d_factor, d_bias = tangents
    return _affine(*primals), dx * factor + (x - mean) * d_factor + (d_bias - d_mean * factor)


class BatchNorm(Norm):
    """`torch.nn.BatchNorm2d`, and with `sync` `torch.nn.SyncBatchNorm`: (N, ..., C) -> same.

    In training the batch's own statistics normalise (this device's, or all devices' with `sync`); the running ones,
    in the `batch_stats` collection, move by `momentum` towards the batch's mean and *unbiased* variance, as PyTorch's.

    Attributes:
        scale_init: initial scale, whatever `init_cfg` says.
        use_running_average: whether the running statistics are used, and kept, in training too.

    Raises:
        UserError: in training there is one value a channel, which less its mean is always 0.
    """

    momentum: float = 0.1
    sync: bool = False
    scale_init: Initializer | None = None
    use_running_average: bool = False
    layer_types: ClassVar[tuple[str, ...]] = ("BatchNorm2d", "SyncBatchNorm", "_BatchNorm")

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        channels = x.shape[-1]
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, (channels,), jnp.float32)
        running_var = self.variable("batch_stats", "var", jnp.ones, (channels,), jnp.float32)
        scale, bias = self.scale_and_bias(channels, self.scale_init)
        if train and not self.use_running_average:
            mean, var, count = self._batch_statistics(x.astype(jnp.float32))
            if count == 1:
                where = ".".join(self.path) or "BatchNorm"
                raise UserError(
                    f"{where}: one value a channel to train on; give each device several images, or larger ones"
                )
            unbiased = var * (count / (count - 1))
            running_mean.value += self.momentum * (lax.stop_gradient(mean) - running_mean.value)
            running_var.value += self.momentum * (lax.stop_gradient(unbiased) - running_var.value)
        else:
            mean, var = running_mean.value, running_var.value
        return traced_once(_normalise, x, mean, var, scale, bias, statics=(self.eps,)).astype(x.dtype)

    def _batch_statistics(self, x: Array) -> tuple[Array, Array, int]:
        """Mean (C,), biased variance (C,) and the number of values behind each."""
        axes = tuple(range(x.ndim - 1))
        count = x.size // x.shape[-1]
        mean, var = traced_once(_moments, x, statics=(axes, False))
        if self.sync:  # one exchange, and no difference of large numbers: each device's mean and variance
            gathered = collectives.all_gather(jnp.stack([mean, var]))
            means, variances = gathered[:, 0], gathered[:, 1]
            mean = jnp.mean(means, 0)
            var = jnp.mean(variances + lax.square(means - mean), 0)
            count *= len(gathered)
        return mean, var, count


class LayerNorm(Norm):
    """`torch.nn.LayerNorm` over the last axis: (..., C) -> same."""

    layer_types: ClassVar[tuple[str, ...]] = ("LayerNorm",)

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        scale, bias = self.scale_and_bias(x.shape[-1])
        values = x.astype(jnp.float32)
        values -= jnp.mean(values, -1, keepdims=True)
        var = jnp.mean(lax.square(values), -1, keepdims=True)
        return (values * lax.rsqrt(var + self.eps) * scale + bias).astype(x.dtype)


class GroupNorm(Norm, kw_only=True):
    """`torch.nn.GroupNorm` (Wu & He 2018): (N, ..., C) -> same."""

    num_groups: int
    layer_types: ClassVar[tuple[str, ...]] = ("GroupNorm",)

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        channels = x.shape[-1]
        if channels % self.num_groups:
            raise UserError(f"norm_cfg: {channels} channels do not split into num_groups={self.num_groups}")
        scale, bias = self.scale_and_bias(channels)
        values = x.astype(jnp.float32).reshape(x.shape[0], -1, self.num_groups, channels // self.num_groups)
        mean, var = traced_once(_moments, values, statics=((1, 3), True))
        y = traced_once(_normalise, values, mean, var, jnp.ones(()), jnp.zeros(()), statics=(self.eps,))
        return (y.reshape(x.shape) * scale + bias).astype(x.dtype)


class InstanceNorm(Norm):
    """`torch.nn.InstanceNorm2d` (Ulyanov et al. 2016), without running statistics: (N, ..., C) -> same.

    Attributes:
        affine: whether there are a scale and a bias.
    """

    affine: bool = False
    layer_types: ClassVar[tuple[str, ...]] = ("InstanceNorm2d", "_InstanceNorm")

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        channels, axes = x.shape[-1], tuple(range(1, x.ndim - 1))
        ones, zeros = jnp.ones(channels), jnp.zeros(channels)
        scale, bias = self.scale_and_bias(channels) if self.affine else (ones, zeros)
        values = x.astype(jnp.float32)
        mean, var = traced_once(_moments, values, statics=(axes, True))
        return traced_once(_normalise, x, mean, var, scale, bias, statics=(self.eps,)).astype(x.dtype)


# config name -> (the name's stem in a checkpoint, layer, arguments)
_KINDS: dict[str, tuple[str, Callable[..., nn.Module], dict[str, Any]]] = {
    "BN": ("bn", BatchNorm, {}),
    "BN1d": ("bn", BatchNorm, {}),
    "BN2d": ("bn", BatchNorm, {}),
    "SyncBN": ("bn", BatchNorm, {"sync": True}),
    "GN": ("gn", GroupNorm, {}),
    "IN": ("in", InstanceNorm, {}),
    "IN2d": ("in", InstanceNorm, {}),
    "LN": ("ln", LayerNorm, {}),
    "LN2d": ("ln", LayerNorm, {}),  # channels are last here, so that it is the same
}


def norm_name(norm_cfg: Mapping[str, Any], postfix: int | str = "") -> str:
    """The name that the original gives a norm attribute: `bn1` for `dict(type="BN")` and 1."""
    return f"{_kind(norm_cfg)[0]}{postfix}"


def build_norm(norm_cfg: Mapping[str, Any], name: str | None = None, **overrides: Any) -> nn.Module:
    """The layer that `norm_cfg` names.

    Args:
        norm_cfg: `type` (BN, SyncBN, GN, IN, LN) and the layer's arguments.
        name: the module's name.
        **overrides: arguments that only some kinds have, such as `scale_init`; the others drop them.

    Raises:
        UserError: an unknown type or argument.
    """
    _, layer, defaults = _kind(norm_cfg)
    fields = set(layer.__dataclass_fields__) - {"parent", "name", "layer_types"}  # type: ignore[attr-defined]
    arguments = {key: value for key, value in norm_cfg.items() if key != "type"}
    refuse(unknown_keys(arguments, fields | {"type"}, "norm_cfg", norm_cfg["type"]))
    if layer is GroupNorm and "num_groups" not in arguments:
        raise UserError(f"norm_cfg: {norm_cfg['type']} needs 'num_groups'")
    overrides = {key: value for key, value in overrides.items() if key in fields}
    return layer(**{**defaults, **arguments, **overrides}, name=name)


def _kind(norm_cfg: Mapping[str, Any]) -> tuple[str, Callable[..., nn.Module], dict[str, Any]]:
    if not isinstance(norm_cfg, Mapping) or "type" not in norm_cfg:
        raise UserError(f"norm_cfg: {norm_cfg!r}; expected a dict with a 'type'")
    kind = norm_cfg["type"]
    if not is_one_of(kind, _KINDS):
        raise UserError(f"norm_cfg: type {kind!r}; {close_names(str(kind), _KINDS)}")
    return _KINDS[kind]
