"""`custom_imports`: classes of the user's own, by the names under which the original would have registered them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from jaxcls import user_code
from jaxcls.mmcls.translation import Translation

SCOPE = "mmcls."  # of the original's registries


def with_own_code(config: Any, custom_imports: Any, to: Translation) -> Any:
    """The config, with `module:Name` for each type that a module of `custom_imports` defines."""
    own: dict[str, str] = {}
    for module in _import(custom_imports, to):
        own |= _defined(module)

    def named(node: Any) -> Any:
        if isinstance(node, Mapping):
            node = {key: named(value) for key, value in node.items()}
            if isinstance(kind := node.get("type"), str):
                kind = kind.removeprefix(SCOPE)
                node["type"] = own.get(kind, kind)
            return node
        return type(node)(map(named, node)) if isinstance(node, list | tuple) else node

    return named(config)


def _import(custom_imports: Any, to: Translation) -> list[ModuleType]:
    if custom_imports is None:
        return []
    names = custom_imports.get("imports") if isinstance(custom_imports, Mapping) else custom_imports
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        to.problems.append(f"custom_imports: {custom_imports!r}; expected a dict of imports, a list of modules")
        return []
    modules = []
    for name in names:
        try:
            modules.append(importlib.import_module(name))
        except Exception as error:
            may_fail = isinstance(custom_imports, Mapping) and custom_imports.get("allow_failed_imports")
            hint = "; docs/extending.md shows how classes are written for jaxcls" if _is_of_pytorch(error) else ""
            message = f"custom_imports: {name!r} cannot be imported: {user_code.describe(error)}{hint}"
            (to.warnings if may_fail else to.problems).append(message)
    return modules


def _is_of_pytorch(error: Exception) -> bool:
    name = getattr(error, "name", None) or ""
    return name.partition(".")[0] in ("mmcls", "mmcv", "mmengine", "mmpretrain", "torch", "torchvision")


def _defined(module: ModuleType) -> dict[str, str]:
    """Name -> `module:Name` of the classes and functions that a module or a package of the user's own defines."""
    found = {}
    for name in user_code.public_names(module):
        value = getattr(module, name)
        home = getattr(value, "__module__", None) or ""
        if callable(value) and f"{home}.".startswith(f"{module.__name__}."):
            found[name] = f"{home}:{value.__qualname__}"
    return found
