"""A name -> a class of the slot's package, or `package.module:Name`. The only lookup there is.

A config node is a mapping with a `type`; the other keys are the arguments of what `type` names::

    build(dict(type="ResNet", depth=50), backbones, where="model.backbone")
    build(dict(type="my_package.my_module:MyNet", width=64), backbones, where="model.backbone")
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from flax import linen as nn
from ml_collections import ConfigDict

from jaxcls.errors import UserError, close_names


def plain(config: Any) -> Any:
    """`config` without `ConfigDict`s: dicts, and tuples in place of lists (so that Flax modules are hashable)."""
    if isinstance(config, ConfigDict):
        config = config.to_dict()
    if isinstance(config, Mapping):
        return {key: plain(value) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return tuple(plain(value) for value in config)
    return config


def lookup(name: str, package: ModuleType, where: str = "") -> Any:
    """The object that `name` stands for: exported by `package`, or `package.module:Name` of the user's own.

    Raises:
        UserError: nothing of that name, with the close names.
    """
    if not isinstance(name, str):
        return name  # a class or a function itself
    if ":" in name:
        return _import(name, where)
    if name not in package.__all__:
        raise UserError(
            f"{where or 'type'}: {name!r} is not in {package.__name__}; {close_names(name, package.__all__)}, "
            "or 'package.module:Name' for a class of your own"
        )
    return getattr(package, name)


def _import(name: str, where: str) -> Any:
    module_name, _, attribute = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise UserError(f"{where or 'type'}: {name!r}: cannot import {module_name!r} ({error})") from error
    if not hasattr(module, attribute):
        raise UserError(f"{where or 'type'}: {name!r}: {close_names(attribute, public_names(module))}")
    return getattr(module, attribute)


def public_names(module: ModuleType) -> list[str]:
    """What a module offers."""
    return [name for name in vars(module) if not name.startswith("_")]


def _parameters(target: Any) -> list[inspect.Parameter]:
    """The parameters that a config may give; those that Flax adds to every module are not among them."""
    added = ("parent", "name") if isinstance(target, type) and issubclass(target, nn.Module) else ()
    return [parameter for parameter in inspect.signature(target).parameters.values() if parameter.name not in added]


def argument_names(target: Any) -> set[str] | None:
    """The keyword arguments that a class or function takes; None where it takes any."""
    parameters = _parameters(target)
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return {parameter.name for parameter in parameters}


def build(config: Mapping[str, Any], package: ModuleType, where: str = "", **arguments: Any) -> Any:
    """The object that a config node describes.

    Args:
        config: a mapping with `type`; its other keys are keyword arguments.
        package: the slot's package, whose `__all__` holds the allowed names.
        where: the node's place in the config, for messages.
        **arguments: more keyword arguments, which win over the config's.

    Raises:
        UserError: no `type`, an unknown one, an unknown argument, a missing one, or a value that the class refuses.
    """
    config = plain(config)
    where = where or package.__name__
    if not isinstance(config, dict) or "type" not in config:
        raise UserError(f"{where}: expected a dict with a 'type', got {config!r}")
    target = lookup(config.pop("type"), package, where)
    arguments = {**config, **arguments}
    name = getattr(target, "__name__", str(target))
    allowed = argument_names(target)
    unknown = [] if allowed is None else [key for key in arguments if key not in allowed]
    if unknown:
        raise UserError(f"{where}: {name} has no argument {unknown[0]!r}; {close_names(unknown[0], allowed or ())}")
    missing = [
        parameter.name
        for parameter in _parameters(target)
        if parameter.default is inspect.Parameter.empty
        and parameter.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        and parameter.name not in arguments
    ]
    if missing:
        raise UserError(f"{where}: {name} needs {', '.join(map(repr, missing))}")
    try:
        return target(**arguments)
    except UserError as error:
        raise UserError(f"{where}: {name}: {error}") from error
