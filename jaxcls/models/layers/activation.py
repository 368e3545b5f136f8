"""Activations by their config names (`act_cfg`), equal to PyTorch's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxcls.arguments import argument_names, is_one_of, unknown_keys
from jaxcls.errors import UserError, close_names, refuse

Activation = Callable[[Array], Array]


def _hard_sigmoid(
    x: Array, bias: float = 3.0, divisor: float = 6.0, min_value: float = 0.0, max_value: float = 1.0
) -> Array:
    # mmcv >= 1.4.5; earlier ones had bias 1, divisor 2.
    return jnp.clip((x + bias) / divisor, min_value, max_value)


def _clip(x: Array, min: float = -1.0, max: float = 1.0) -> Array:
    return jnp.clip(x, min, max)


def _gelu(x: Array) -> Array:
    # As PyTorch's; jax.nn.gelu's default is the tanh approximation, and its erfc is slower on a CPU.
    values = x.astype(jnp.float32)
    return (0.5 * values * (1 + jax.lax.erf(values * np.float32(np.sqrt(0.5))))).astype(x.dtype)


ACTIVATIONS: dict[str, Callable[..., Array]] = {
    "ReLU": jax.nn.relu,
    "LeakyReLU": lambda x, negative_slope=0.01: jax.nn.leaky_relu(x, negative_slope),
    "ReLU6": jax.nn.relu6,
    "ELU": lambda x, alpha=1.0: jax.nn.elu(x, alpha),
    "Sigmoid": jax.nn.sigmoid,
    "Tanh": jnp.tanh,
    "GELU": _gelu,
    "SiLU": jax.nn.silu,
    "Swish": jax.nn.silu,
    "HSwish": jax.nn.hard_swish,
    "HSigmoid": _hard_sigmoid,
    "Clip": _clip,
    "Clamp": _clip,
}


def build_activation(act_cfg: Mapping[str, Any] | None) -> Activation:
    """The function that `act_cfg` names; the identity for None.

    Raises:
        UserError: an unknown name or argument.
    """
    if act_cfg is None:
        return lambda x: x
    if not isinstance(act_cfg, Mapping) or "type" not in act_cfg:
        raise UserError(f"act_cfg: {act_cfg!r}; expected a dict with a 'type'")
    arguments = {key: value for key, value in act_cfg.items() if key not in ("type", "inplace")}
    kind = act_cfg["type"]
    if not is_one_of(kind, ACTIVATIONS):
        raise UserError(f"act_cfg: type {kind!r}; {close_names(str(kind), ACTIVATIONS)}")
    allowed = (argument_names(ACTIVATIONS[kind]) or set()) - {"x"}
    refuse(unknown_keys(arguments, allowed | {"type", "inplace"}, "act_cfg", kind))
    return partial(ACTIVATIONS[kind], **arguments)
