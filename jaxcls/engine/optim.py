"""Optimisers by the original's config, as optax transformations.

Weight decay and learning rate may differ from parameter to parameter (`paramwise_cfg`); PyTorch's meaning of each
optimiser holds: SGD's and Adam's decay is added to the gradient, AdamW's is applied beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxcls.builder import argument_names, plain
from jaxcls.errors import UserError, close_names

PyTree = Any
Schedule = Callable[[Any], Any]


class Multipliers(NamedTuple):
    """What `paramwise_cfg` makes of one parameter: factors of the learning rate and of the weight decay."""

    lr: float = 1.0
    decay: float = 1.0


def parameter_name(path: tuple[str, ...]) -> str:
    """The parameter's name in the original's checkpoint, as `custom_keys` matches it."""
    *modules, leaf = path
    return ".".join((*modules, "weight" if leaf in ("kernel", "scale") else leaf))


def multipliers(
    params: PyTree,
    bias_lr_mult: float = 1.0,
    bias_decay_mult: float = 1.0,
    norm_decay_mult: float = 1.0,
    dwconv_decay_mult: float = 1.0,
    custom_keys: Mapping[str, Mapping[str, float]] | None = None,
    bypass_duplicate: bool = False,  # one name, one parameter here: there are no duplicates
) -> PyTree:
    """A `Multipliers` for each parameter (mmcv/runner/optimizer/default_constructor.py).

    The longest of `custom_keys` that occurs in a parameter's name decides alone; of equally long ones the first in
    the alphabet. Else the rules for norms, depthwise convolutions and biases apply, in this order.
    """
    keys = sorted(sorted(custom_keys or {}), key=len, reverse=True)
    norms = {tuple(k.key for k in path)[:-1] for path, _ in _with_path(params) if path[-1].key == "scale"}
    kernels = {tuple(k.key for k in path)[:-1]: leaf for path, leaf in _with_path(params) if path[-1].key == "kernel"}

    def of(key_path: Any, leaf: Any) -> Multipliers:
        path = tuple(key.key for key in key_path)
        name, module, is_bias = parameter_name(path), path[:-1], path[-1] == "bias"
        for key in keys:
            if key in name:
                custom = (custom_keys or {})[key]
                return Multipliers(custom.get("lr_mult", 1.0), custom.get("decay_mult", 1.0))
        is_norm = module in norms
        kernel = kernels.get(module)
        is_depthwise = kernel is not None and kernel.ndim == 4 and kernel.shape[2] == 1 and kernel.shape[3] > 1
        lr = bias_lr_mult if is_bias and not is_norm else 1.0
        if is_norm:
            return Multipliers(lr, norm_decay_mult)
        if is_depthwise:
            return Multipliers(lr, dwconv_decay_mult)
        return Multipliers(lr, bias_decay_mult if is_bias else 1.0)

    return jax.tree_util.tree_map_with_path(of, params)


def _with_path(tree: PyTree) -> list[tuple[Any, Any]]:
    return jax.tree_util.tree_leaves_with_path(tree)


def _is_multipliers(node: Any) -> bool:
    return isinstance(node, Multipliers)


def _add_decay(weight_decay: float, mults: PyTree) -> optax.GradientTransformation:
    """Adds `weight_decay` times the parameter, times the parameter's factor."""
    if weight_decay == 0.0:
        return optax.identity()

    def update(updates: PyTree, params: PyTree) -> PyTree:
        return jax.tree.map(
            lambda m, u, p: u + (weight_decay * m.decay) * p if m.decay else u,
            mults,
            updates,
            params,
            is_leaf=_is_multipliers,
        )

    return optax.stateless(update)


def _scale_lr(mults: PyTree) -> optax.GradientTransformation:
    if all(m.lr == 1.0 for m in jax.tree.leaves(mults, is_leaf=_is_multipliers)):
        return optax.identity()
    return optax.stateless(
        lambda updates, _: jax.tree.map(lambda m, u: u * m.lr, mults, updates, is_leaf=_is_multipliers)
    )


def sgd(mults: PyTree, momentum: float = 0.0, weight_decay: float = 0.0, nesterov: bool = False) -> list:
    """`torch.optim.SGD`; decay is added to the gradient before the momentum."""
    if nesterov and momentum <= 0:
        raise UserError("optimizer: SGD: nesterov=True needs momentum > 0")
    momentum_step = optax.trace(momentum, nesterov) if momentum else optax.identity()
    return [_add_decay(weight_decay, mults), momentum_step]


def adam(
    mults: PyTree, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0.0
) -> list:
    """`torch.optim.Adam` (Kingma & Ba 2015); decay is added to the gradient."""
    return [_add_decay(weight_decay, mults), optax.scale_by_adam(betas[0], betas[1], eps)]


def adamw(
    mults: PyTree, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 1e-2
) -> list:
    """`torch.optim.AdamW` (Loshchilov & Hutter 2019); decay beside the gradient."""
    return [optax.scale_by_adam(betas[0], betas[1], eps), _add_decay(weight_decay, mults)]


OPTIMIZERS: dict[str, Callable[..., list]] = {"SGD": sgd, "Adam": adam, "AdamW": adamw}


def build_optimizer(
    optimizer: Mapping[str, Any], params: PyTree, schedule: Schedule | None = None
) -> optax.GradientTransformation:
    """The transformation that an optimizer config describes.

    Args:
        optimizer: `type`, `lr`, the optimiser's arguments, `paramwise_cfg`.
        params: the tree of parameters; their names and shapes decide what `paramwise_cfg` speaks of.
        schedule: step -> learning rate; None: `lr` throughout.

    Raises:
        UserError: an unknown type, argument or `paramwise_cfg` rule, or no `lr`.
    """
    config = plain(optimizer)
    kind, paramwise = config.pop("type", None), config.pop("paramwise_cfg", None) or {}
    if kind not in OPTIMIZERS:
        raise UserError(f"optimizer.type: {kind!r}; {close_names(str(kind), OPTIMIZERS)}")
    if "lr" not in config:
        raise UserError(f"optimizer: {kind} needs 'lr'")
    lr = config.pop("lr")
    _refuse_unknown(paramwise, multipliers, "optimizer.paramwise_cfg")
    _refuse_unknown(config, OPTIMIZERS[kind], "optimizer", extra={"type", "lr", "paramwise_cfg"})
    mults = multipliers(params, **paramwise)
    parts = OPTIMIZERS[kind](mults, **config)
    return optax.chain(*parts, _scale_lr(mults), optax.scale_by_learning_rate(schedule or lr))


def _refuse_unknown(config: Mapping[str, Any], target: Any, where: str, extra: set[str] | None = None) -> None:
    allowed = (argument_names(target) or set()) - {"mults", "params"}
    for key in config:
        if key not in allowed:
            raise UserError(f"{where}: no argument {key!r}; {close_names(key, allowed | (extra or set()))}")


def clip_by_norm(grads: PyTree, max_norm: float, norm_type: float = 2.0) -> tuple[PyTree, jax.Array]:
    """`torch.nn.utils.clip_grad_norm_`: the gradients, scaled down to `max_norm`, and their norm before that."""
    leaves = jax.tree.leaves(grads)
    if norm_type == float("inf"):
        norm = jnp.max(jnp.stack([jnp.max(jnp.abs(leaf)) for leaf in leaves]))
    elif norm_type == 2.0:
        norm = jnp.sqrt(sum(jnp.sum(jnp.square(leaf)) for leaf in leaves))
    else:
        norm = sum(jnp.sum(jnp.abs(leaf) ** norm_type) for leaf in leaves) ** (1.0 / norm_type)
    scale = jnp.minimum(1.0, max_norm / (norm + 1e-6))
    return jax.tree.map(lambda leaf: leaf * scale.astype(leaf.dtype), grads), norm


def at_step(opt_state: PyTree, step: Any) -> PyTree:
    """The state with its schedules at `step`."""

    def is_schedule(node: Any) -> bool:
        return isinstance(node, optax.ScaleByScheduleState)

    return jax.tree.map(
        lambda node: node._replace(count=step) if is_schedule(node) else node, opt_state, is_leaf=is_schedule
    )


def build_grad_clip(config: Mapping[str, Any]) -> Callable[[PyTree], tuple[PyTree, jax.Array]]:
    """Gradients -> clipped gradients and their norm before, as a `grad_clip` config says."""
    for key in config:
        if key not in ("max_norm", "norm_type"):
            raise UserError(
                f"optimizer_config.grad_clip: no argument {key!r}; {close_names(key, ('max_norm', 'norm_type'))}"
            )
    return partial(clip_by_norm, **config)
