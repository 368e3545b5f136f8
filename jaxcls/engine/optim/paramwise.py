"""`paramwise_cfg`: the factors of each parameter's learning rate and weight decay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax

from jaxcls.arguments import unknown_keys
from jaxcls.convert.state_dict import original_name
from jaxcls.engine.optim.layer_depth import layer_depths
from jaxcls.engine.optim.ranges import NON_NEGATIVE, POSITIVE, require
from jaxcls.errors import UserError, refuse
from jaxcls.models.backbones.layout import Layout

PyTree = Any
WHERE = "optimizer.paramwise_cfg"
CUSTOM = ("lr_mult", "decay_mult")
DECAY_RULES = ("bias_decay_mult", "norm_decay_mult", "dwconv_decay_mult", "flat_decay_mult")
RULES = ("bias_lr_mult", "dcn_offset_lr_mult", *DECAY_RULES)


class Multipliers(NamedTuple):
    """What `paramwise_cfg` makes of one parameter: factors of the learning rate and of the weight decay."""

    lr: float = 1.0
    decay: float = 1.0


def is_multipliers(node: Any) -> bool:
    """Whether a node of a tree is a parameter's `Multipliers`."""
    return isinstance(node, Multipliers)


def is_depthwise(kernel: Any) -> bool:
    """Whether a kernel (kh, kw, I, O) sees one channel at a time: the original's `in_channels == groups`."""
    return kernel.ndim == 4 and kernel.shape[2] == 1


def parameter_name(path: tuple[str, ...]) -> str:
    """The parameter's name in the original's checkpoint, as `custom_keys` matches it."""
    return original_name(path)


def multipliers(
    params: PyTree,
    bias_lr_mult: float = 1.0,
    bias_decay_mult: float | None = None,
    norm_decay_mult: float | None = None,
    dwconv_decay_mult: float | None = None,
    flat_decay_mult: float | None = None,
    dcn_offset_lr_mult: float = 1.0,
    custom_keys: Mapping[str, Mapping[str, float]] | None = None,
    bypass_duplicate: bool = False,
    layer_decay_rate: float = 1.0,
    layout: Layout | None = None,
) -> PyTree:
    """A `Multipliers` for each parameter (mmcv/runner/optimizer/default_constructor.py).

    Args:
        params: the tree of parameters; names and shapes decide.
        bias_lr_mult: for the rate of biases but those of norms.
        bias_decay_mult: for the decay of biases but those of norms and depthwise convolutions.
        norm_decay_mult: for the decay of a norm's scale and bias.
        dwconv_decay_mult: for the decay of a depthwise convolution's kernel and bias.
        flat_decay_mult: for the decay of vectors to which none of these applies (mmengine).
        dcn_offset_lr_mult: accepted; there are no deformable convolutions here.
        custom_keys: part of a name -> `lr_mult`, `decay_mult`. The longest that occurs in a parameter's name decides
            alone; of equally long ones the first in the alphabet.
        bypass_duplicate: accepted; one name, one parameter here.
        layer_decay_rate: for the rate, on top of the other rules, once for each layer between a parameter's and the
            head (mmpretrain/engine/optimizers/layer_decay_optim_wrapper_constructor.py); `layer_depth` says what a
            layer is.
        layout: of the backbone, which says how deep its layers lie; None: found by the names.

    Raises:
        UserError: a factor that is none, or `layer_decay_rate` for an unknown kind of backbone.
    """
    decay_mults = (bias_decay_mult, norm_decay_mult, dwconv_decay_mult, flat_decay_mult)
    for name, value in zip(RULES, (bias_lr_mult, dcn_offset_lr_mult, *decay_mults), strict=True):
        if value is not None:
            require(f"{WHERE}.{name}", value, NON_NEGATIVE)
    custom = _check_custom_keys(custom_keys or {})
    layer = _layer_factors(params, require(f"{WHERE}.layer_decay_rate", layer_decay_rate, POSITIVE), layout)
    keys = sorted(sorted(custom), key=len, reverse=True)
    norms = {path[:-1] for path, _ in _leaves(params) if path[-1] == "scale"}
    depthwise = {path[:-1] for path, leaf in _leaves(params) if path[-1] == "kernel" and is_depthwise(leaf)}

    def of(key_path: Any, leaf: Any) -> Multipliers:
        path = tuple(key.key for key in key_path)
        name, module, is_bias = parameter_name(path), path[:-1], path[-1] == "bias"
        key = next((key for key in keys if key in name), None)
        if key is not None:
            return Multipliers(custom[key].get("lr_mult", 1.0) * layer[name], custom[key].get("decay_mult", 1.0))
        lr = bias_lr_mult if is_bias and module not in norms else 1.0
        decay = None
        if module in norms:
            decay = norm_decay_mult
        elif module in depthwise:
            decay = dwconv_decay_mult
        elif is_bias:
            decay = bias_decay_mult
        if decay is None and leaf.ndim == 1:
            decay = flat_decay_mult
        return Multipliers(lr * layer[name], 1.0 if decay is None else decay)

    return jax.tree_util.tree_map_with_path(of, params)


def decay_rules(paramwise: Mapping[str, Any]) -> list[str]:
    """The keys of a `paramwise_cfg` that speak of the weight decay.

    Raises:
        UserError: a custom key with something other than factors.
    """
    custom = _check_custom_keys(paramwise.get("custom_keys") or {})
    return [key for key in DECAY_RULES if key in paramwise] + [
        f"custom_keys[{key!r}].decay_mult" for key, value in custom.items() if "decay_mult" in value
    ]


def _leaves(params: PyTree) -> Iterator[tuple[tuple[str, ...], Any]]:
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        yield tuple(key.key for key in path), leaf


def _check_custom_keys(custom_keys: Mapping[str, Any]) -> Mapping[str, Mapping[str, float]]:
    for key, factors in custom_keys.items():
        where = f"{WHERE}.custom_keys[{key!r}]"
        if not isinstance(key, str):
            raise UserError(f"{where}: expected a part of a parameter's name, got {key!r}")
        if not isinstance(factors, Mapping):
            raise UserError(f"{where}: expected a dict of {' and '.join(CUSTOM)}, got {factors!r}")
        refuse(unknown_keys(factors, CUSTOM, where))
        for name, value in factors.items():
            require(f"{where}.{name}", value, NON_NEGATIVE)
    return custom_keys


def _layer_factors(params: PyTree, rate: float, layout: Layout | None) -> dict[str, float]:
    names = [parameter_name(path) for path, _ in _leaves(params)]
    if rate == 1.0:
        return dict.fromkeys(names, 1.0)
    depths = layer_depths(names, layout)
    last = max(depths.values())
    return {name: rate ** (last - depth) for name, depth in depths.items()}
