"""Parts of a config that a function of `jaxcls.recipes` gives, as the call of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from jaxcls import recipes
from jaxcls.mmcls.python_text import Call

Node = Mapping[str, Any]


def _adamw(node: Node) -> dict[str, Any]:
    paramwise = node.get("paramwise_cfg", {})
    return {
        **{key: value for key, value in node.items() if key not in ("type", "paramwise_cfg")},
        "decay_all": not paramwise,
        "decay_flat": "flat_decay_mult" not in paramwise,
        "no_decay": [*paramwise.get("custom_keys", ())],
    }


def _mixup_cutmix(node: Node) -> dict[str, Any]:
    mixup, cutmix = node["augments"]
    return {"num_classes": mixup["num_classes"], "mixup": mixup["alpha"], "cutmix": cutmix["alpha"]}


# A function -> the arguments with which it may give a node; those that it does not need are left out then.
_READERS: dict[Callable[..., Any], Callable[[Node], Mapping[str, Any]]] = {
    recipes.linear_head: dict,
    recipes.sgd: dict,
    recipes.adamw: _adamw,
    recipes.step: dict,
    recipes.cosine: dict,
    recipes.auto_augment: lambda _: {},
    recipes.rand_augment: lambda node: {"level": node["magnitude_level"]},
    recipes.random_erasing: lambda node: {"prob": node["erase_prob"]},
    recipes.mixup_cutmix: _mixup_cutmix,
    recipes.lighting: lambda _: {},
}


def call_of(node: Node) -> Call | None:
    """The call that gives the node, and names neither its type nor its policy; None where there is none."""
    for function, read in _READERS.items():
        arguments = _needed(function, read, node)
        if arguments is not None and not {"type", "policy"} & arguments.keys():
            return Call(f"recipes.{function.__name__}", _by_place(function, arguments))
    return None


def _needed(function: Callable[..., Any], read: Callable[[Node], Mapping[str, Any]], node: Node) -> Node | None:
    """The fewest arguments with which the function gives the node."""

    def gives(arguments: Node) -> bool:
        try:
            return function(**arguments) == node
        except TypeError:  # one that it needs is missing
            return False

    try:
        arguments = dict(read(node))
    except (KeyError, TypeError, ValueError):
        return None
    if not gives(arguments):
        return None
    for key in [*arguments]:
        fewer = {other: value for other, value in arguments.items() if other != key}
        arguments = fewer if gives(fewer) else arguments
    return arguments


def _by_place(function: Callable[..., Any], arguments: Node) -> dict[str | int, Any]:
    """The arguments that the function cannot do without by their places, as they come first."""
    parameters = inspect.signature(function).parameters
    needed = [name for name, parameter in parameters.items() if parameter.default is parameter.empty]
    places: dict[str, str | int] = {name: place for place, name in enumerate(needed)}
    ordered = {name: arguments[name] for name in (*parameters, *arguments) if name in arguments}
    return {places.get(name, name): value for name, value in ordered.items()}
