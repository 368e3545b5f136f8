"""`init_cfg`: how a module's layers get their initial values (mmcv/cnn/utils/weight_init.py).

A module that has an `init_cfg` field (a dict or a list of them) says how the layers below it start::

    dict(type="Kaiming", layer=["Conv2d"])                         # every layer of the kind
    dict(type="Normal", std=0.01, override=dict(name="fc"))        # the layer of that name

A class whose initial values are its own, whatever its config says, has them in `own_init`, in the same form.

A layer asks the modules around it, nearest first; the last entry that names its kind wins, as in the original, where
a parent's entries are applied before its children's. Where none does, the nearest module's `default_init`, in the same
form, and without any PyTorch's own default.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn import initializers

from jaxcls.arguments import argument_names, is_one_of, unknown_keys
from jaxcls.errors import UserError, close_names, refuse

Initializer = Callable[..., jax.Array]

_GAINS = {"relu": math.sqrt(2.0), "linear": 1.0, "conv2d": 1.0, "sigmoid": 1.0, "tanh": 5.0 / 3.0, "selu": 0.75}


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """(fan in, fan out) of a kernel (..., I, O), receptive field included, as PyTorch counts them."""
    receptive = math.prod(shape[:-2])
    return shape[-2] * receptive, shape[-1] * receptive


def _gain(nonlinearity: str, a: float) -> float:
    if nonlinearity == "leaky_relu":
        return math.sqrt(2.0 / (1.0 + a * a))
    if not is_one_of(nonlinearity, _GAINS):
        raise UserError(
            f"init_cfg: nonlinearity {nonlinearity!r}; {close_names(str(nonlinearity), [*_GAINS, 'leaky_relu'])}"
        )
    return _GAINS[nonlinearity]


def _spread(std: float, distribution: str) -> Initializer:
    """A normal or a uniform distribution around zero with that standard deviation."""
    if distribution == "normal":
        return initializers.normal(std)
    bound = math.sqrt(3.0) * std
    return uniform(-bound, bound)


def constant(val: float = 0.0) -> Initializer:
    """`val` throughout."""
    return initializers.constant(val)


def normal(mean: float = 0.0, std: float = 1.0) -> Initializer:
    """Normal distribution."""
    return lambda key, shape, dtype=jnp.float32: mean + std * jax.random.normal(key, shape, dtype)


def trunc_normal(mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0) -> Initializer:
    """Normal distribution cut off at the absolute values `a` and `b` (torch.nn.init.trunc_normal_)."""
    # JAX's float32 draws fall on a bound that is far out now and then; PyTorch's end at about five deviations.
    low, high = max((a - mean) / std, -5.0), min((b - mean) / std, 5.0)

    def init(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        return mean + std * jax.random.truncated_normal(key, low, high, shape, dtype)

    return init


def uniform(a: float = 0.0, b: float = 1.0) -> Initializer:
    """Uniform distribution over [a, b)."""
    return lambda key, shape, dtype=jnp.float32: jax.random.uniform(key, shape, dtype, a, b)


def xavier(gain: float = 1.0, distribution: str = "normal") -> Initializer:
    """Glorot & Bengio 2010; the spread follows from fan in and fan out."""

    def init(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        return _spread(gain * math.sqrt(2.0 / sum(fans(shape))), distribution)(key, shape, dtype)

    return init


def kaiming(
    a: float = 0.0, mode: str = "fan_out", nonlinearity: str = "relu", distribution: str = "normal"
) -> Initializer:
    """He et al. 2015; the spread follows from fan in or fan out and the gain of the nonlinearity."""
    if mode not in ("fan_in", "fan_out"):
        raise UserError(f"init_cfg: Kaiming mode {mode!r}; allowed: fan_in, fan_out")
    gain = _gain(nonlinearity, a)

    def init(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        fan = fans(shape)[mode == "fan_out"]
        return _spread(gain / math.sqrt(fan), distribution)(key, shape, dtype)

    return init


def pytorch_kernel(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
    """PyTorch's default for convolutions and linear layers: uniform over ±1/sqrt(fan in)."""
    bound = 1.0 / math.sqrt(fans(shape)[0])
    return jax.random.uniform(key, shape, dtype, -bound, bound)


def identity_first(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
    """As `pytorch_kernel`, but the first outputs are the inputs (torch.nn.init.dirac_); for a kernel (kh, kw, I, O)."""
    rows, columns, inputs, outputs = shape
    same = min(inputs, outputs)
    kernel = pytorch_kernel(key, shape, dtype).at[..., :same].set(0)
    return kernel.at[rows // 2, columns // 2, :, :same].set(jnp.eye(inputs, same, dtype=dtype))


def pytorch_bias(kernel_shape: tuple[int, ...]) -> Initializer:
    """PyTorch's default for the bias beside a kernel of that shape."""
    bound = 1.0 / math.sqrt(fans(kernel_shape)[0])
    return uniform(-bound, bound)


def inverse_of_channels(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
    """Normal distribution with the deviation 1 / I for a kernel (..., I, O)."""
    return jax.random.normal(key, shape, dtype) / shape[-2]


KINDS: dict[str, Callable[..., Initializer]] = {
    "Constant": constant,
    "Normal": normal,
    "TruncNormal": trunc_normal,
    "Uniform": uniform,
    "Xavier": xavier,
    "Kaiming": kaiming,
    "InverseOfChannels": lambda: inverse_of_channels,
    "Caffe2Xavier": lambda: kaiming(a=1.0, mode="fan_in", nonlinearity="leaky_relu", distribution="uniform"),
}


def check_init_cfg(config: Any) -> None:
    """Raises UserError for entries of an unknown type, or with arguments that nothing reads."""
    if not isinstance(config, Mapping | list | tuple):
        raise UserError(f"init_cfg: {config!r}; expected a dict or a list of dicts")
    refuse(problem for entry in _as_entries(config) for problem in _problems(entry))


def _problems(entry: Any, kind: str | None = None) -> Iterator[str]:
    """What is wrong with an entry; an override of one is of its `kind` where it names none."""
    if not isinstance(entry, Mapping) or (kind := entry.get("type", kind)) is None:
        yield f"init_cfg: {entry!r}; expected a dict with a 'type'"
        return
    if kind not in (*KINDS, "Pretrained"):
        yield f"init_cfg: type {kind!r}; {close_names(str(kind), (*KINDS, 'Pretrained'))}"
        return
    arguments = (argument_names(KINDS[kind]) or set()) if kind in KINDS else {"checkpoint", "prefix"}
    yield from unknown_keys(entry, {*arguments, *_OF_ENTRIES}, "init_cfg", kind)
    for override in _as_entries(entry.get("override")):
        yield from _problems(override, kind)


def _initializer(entry: Mapping[str, Any], is_bias: bool) -> Initializer:
    """What one `init_cfg` entry gives a layer's weight or bias."""
    kind = entry["type"]
    if not is_one_of(kind, KINDS):
        raise UserError(f"init_cfg: type {kind!r}; {close_names(str(kind), KINDS)}")
    arguments = {k: v for k, v in entry.items() if k not in _OF_ENTRIES}
    if is_bias:
        prob = entry.get("bias_prob")
        return constant(entry.get("bias", 0.0) if prob is None else -math.log((1.0 - prob) / prob))
    try:
        return KINDS[kind](**arguments)
    except TypeError as error:
        raise UserError(f"init_cfg: {kind}: {error}") from error


_OF_ENTRIES = ("type", "layer", "override", "name", "bias", "bias_prob")  # what each may have, of whatever type


def _as_entries(config: Any) -> tuple[Mapping[str, Any], ...]:
    if not config:
        return ()
    return (config,) if isinstance(config, Mapping) else tuple(config)


def _matching(config: Any, layer_types: tuple[str, ...], path: str) -> Iterator[Mapping[str, Any]]:
    """The entries that speak of a layer, in the order in which they are applied."""
    for entry in _as_entries(config):
        if entry["type"] == "Pretrained":  # loaded after initialisation
            continue
        kinds = entry.get("layer") or ()
        if set((kinds,) if isinstance(kinds, str) else kinds) & set(layer_types):
            yield entry
        for override in _as_entries(entry.get("override")):
            if path == override["name"] or path.startswith(override["name"] + "."):
                yield {**entry, **override}


def from_init_cfg(layer: nn.Module, layer_types: tuple[str, ...], default: Initializer, is_bias: bool) -> Initializer:
    """The initializer that the modules around `layer` ask for, else `default`.

    Args:
        layer: a bound module.
        layer_types: the names by which `init_cfg` may call it: PyTorch's class and its bases.
        default: what holds where no `init_cfg` and no `default_init` speaks of the layer.
        is_bias: whether for the bias rather than the weight.
    """
    path, node = layer.name or "", layer.parent
    fallback: list[Mapping[str, Any]] = []
    while isinstance(node, nn.Module):
        entries = list(_matching(getattr(node, "init_cfg", None), layer_types, path))
        entries += _matching(getattr(node, "own_init", None), layer_types, path)
        if entries:
            return _initializer(entries[-1], is_bias)
        fallback += _matching(getattr(node, "default_init", None), layer_types, path)
        path, node = f"{node.name}.{path}", node.parent
    return _initializer(fallback[0], is_bias) if fallback else default
