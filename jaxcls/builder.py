"""A name -> a class of the slot's package, or `package.module:Name`. The only lookup there is.

A config node is a mapping with a `type`; the other keys are the arguments of what `type` names::

    build(dict(type="ResNet", depth=50), backbones, where="model.backbone")
    build(dict(type="my_package.my_module:MyNet", width=64), backbones, where="model.backbone")
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
from ml_collections import ConfigDict, FieldReference

from jaxcls import user_code
from jaxcls.arguments import problems
from jaxcls.errors import UserError, close_names, refuse


def plain(config: Any) -> Any:
    """A config as dicts, tuples (in place of lists, so that Flax modules are hashable), numbers and texts.

    What a user may give besides becomes one of these: ConfigDicts, their references, arrays, paths.
    """
    if isinstance(config, FieldReference):
        config = config.get()
    if isinstance(config, ConfigDict):
        config = config.to_dict()
    if isinstance(config, Mapping):
        return {key: plain(value) for key, value in config.items()}
    if isinstance(config, np.generic | np.ndarray):
        config = config.tolist()
    if isinstance(config, list | tuple):
        return tuple(plain(value) for value in config)
    return os.fspath(config) if isinstance(config, os.PathLike) else config


def as_json(value: Any, where: str = "config") -> Any:
    """A plain config as JSON takes it: classes and functions by `package.module:Name`, tuples as lists.

    Raises:
        UserError: what no other program could read: a lambda, a class of a function's own, an object, a key that is
            no text.
    """
    if isinstance(value, Mapping):
        if odd := [key for key in value if not isinstance(key, str)]:
            raise UserError(f"{where}: the key {odd[0]!r} is no text, as a saved config's keys are")
        return {key: as_json(entry, f"{where}.{key}") for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(entry, f"{where}[{i}]") for i, entry in enumerate(value)]
    if value is None or isinstance(value, str | int | float):
        return value
    return user_code.reference(value, where)


def lookup(name: str, package: ModuleType, where: str = "") -> Any:
    """The object that `name` stands for: exported by `package`, or `package.module:Name` of the user's own.

    Raises:
        UserError: nothing of that name, with the close names.
    """
    if callable(name):
        return name  # a class or a function itself
    if not isinstance(name, str):
        raise UserError(f"{where or 'type'}: {name!r}; expected a name, 'package.module:Name', or a class")
    if ":" in name:
        return user_code.load(name, where or "type")
    if name not in package.__all__:
        raise UserError(
            f"{where or 'type'}: {name!r} is not in {package.__name__}; {close_names(name, package.__all__)}, "
            "or 'package.module:Name' for a class of your own"
        )
    return getattr(package, name)


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
    return construct(lookup(config.pop("type"), package, where), {**config, **arguments}, where)


def construct(target: Any, arguments: Mapping[str, Any], where: str) -> Any:
    """`target(**arguments)`.

    Args:
        target: a class or function.
        arguments: by name.
        where: their place in the config, for messages.

    Raises:
        UserError: an unknown argument, a missing one, or a value that `target` refuses.
    """
    if not isinstance(arguments, Mapping):
        raise UserError(f"{where}: {arguments!r}; expected a dict")
    refuse(problems(target, arguments, where))
    name = getattr(target, "__name__", str(target))
    try:
        return target(**arguments)
    except UserError as error:
        raise UserError(f"{where}: {name}: {error}") from error
    except Exception as error:
        raise UserError(f"{where}: {name}: {user_code.describe(error)}") from error
