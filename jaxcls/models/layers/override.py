"""Layers that a config may adjust: `patch_cfg`, `layer_cfgs`, `stage_cfgs` and their like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from flax import linen as nn

from jaxcls.arguments import argument_names, unknown_keys
from jaxcls.errors import UserError, refuse

Config = Mapping[str, Any]
Layer = TypeVar("Layer", bound=nn.Module)


def override(layer: type[Layer], config: Config, where: str, **arguments: Any) -> Layer:
    """`layer(**arguments)`, with what `config` sets in place of the arguments of that name.

    Raises:
        UserError: a key of `config` that `layer` does not take; `where` is the config's name.
    """
    refuse(unknown_keys(config, argument_names(layer) or config, where, layer.__name__))
    return layer(**{**arguments, **config})


def for_each(configs: Config | tuple[Config, ...], count: int, where: str) -> tuple[Config, ...]:
    """One config for each of `count` layers: a mapping holds for all of them.

    Raises:
        UserError: a sequence of another length.
    """
    if isinstance(configs, Mapping):
        return (configs,) * count
    if len(configs) != count:
        raise UserError(f"{where}: {len(configs)} configs for {count}; give one for each, or one dict for all")
    return tuple(configs)
