"""Gradient clipping, as `optimizer_config.grad_clip` describes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxcls.arguments import is_one_of, unknown_keys
from jaxcls.builder import plain
from jaxcls.engine.optim.ranges import POSITIVE, require
from jaxcls.errors import UserError, close_names, refuse

PyTree = Any
GradClip = Callable[[PyTree], tuple[PyTree, jax.Array]]


def clip_by_norm(grads: PyTree, max_norm: float, norm_type: float = 2.0) -> tuple[PyTree, jax.Array]:
    """`torch.nn.utils.clip_grad_norm_`: the gradients, scaled down to `max_norm`, and their norm before that."""
    leaves = jax.tree.leaves(grads)
    if norm_type == float("inf"):
        norm = jnp.max(jnp.stack([jnp.max(jnp.abs(leaf)) for leaf in leaves]))
    elif norm_type == 2.0:
        norm = optax.tree.norm(grads)
    else:
        norm = sum(jnp.sum(jnp.abs(leaf) ** norm_type) for leaf in leaves) ** (1.0 / norm_type)
    scale = jnp.minimum(1.0, max_norm / (norm + 1e-6))
    return jax.tree.map(lambda leaf: leaf * scale.astype(leaf.dtype), grads), norm


def clip_by_value(grads: PyTree, clip_value: float) -> tuple[PyTree, jax.Array]:
    """`torch.nn.utils.clip_grad_value_`: each number within ± `clip_value`, and the 2-norm before that."""
    return jax.tree.map(lambda leaf: jnp.clip(leaf, -clip_value, clip_value), grads), optax.tree.norm(grads)


# type -> function, the argument that it needs, those that it may have
_KINDS: dict[str, tuple[Callable[..., tuple[PyTree, jax.Array]], str, tuple[str, ...]]] = {
    "norm": (clip_by_norm, "max_norm", ("norm_type",)),
    "value": (clip_by_value, "clip_value", ()),
}


def build_grad_clip(config: Mapping[str, Any]) -> GradClip:
    """What clips as `grad_clip` says.

    Args:
        config: `max_norm` and perhaps `norm_type` (a positive number or "inf"), or `type="value"` and `clip_value`.

    Returns:
        gradients -> (clipped gradients, their norm before).

    Raises:
        UserError: an unknown type or argument, a missing one, or a value that is none.
    """
    where, arguments = "optimizer_config.grad_clip", plain(config)
    if not isinstance(arguments, dict):
        raise UserError(f"{where}: expected a dict, got {config!r}")
    kind = arguments.pop("type", "norm")
    if not is_one_of(kind, _KINDS):
        raise UserError(f"{where}.type: {kind!r}; {close_names(str(kind), _KINDS)}")
    function, needed, optional = _KINDS[kind]
    refuse(unknown_keys(arguments, (needed, *optional), where, f"type={kind!r}"))
    if needed not in arguments:
        raise UserError(f"{where}: type={kind!r} needs {needed!r}")
    if arguments.get("norm_type") in ("inf", float("inf")):
        arguments["norm_type"] = float("inf")
    else:
        require(f"{where}.norm_type", arguments.get("norm_type", 2.0), POSITIVE)
    require(f"{where}.{needed}", arguments[needed], POSITIVE)
    return partial(function, **arguments)
