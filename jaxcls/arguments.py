"""What a class or a function takes, and what a config gives it: names, numbers, texts, lists."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import sys
import types
import typing
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, Literal

from jaxcls.errors import close_names

_WORDS = {int: "a whole number", float: "a number", str: "text", bool: "True or False", type(None): "None"}
_PLURALS = {"a whole number": "whole numbers", "a number": "numbers", "text": "texts", "a dict": "dicts"}
LARGEST_SEED = 2**32 - 1  # NumPy and scikit-learn take no larger one, JAX leaves out the bits above


def unknown_keys(given: Iterable[str], allowed: Iterable[str], where: str, owner: str = "") -> list[str]:
    """A message for each key of a dict that nothing reads, with the close names.

    Args:
        given: the keys.
        allowed: those that are read.
        where: the dict's place in the config.
        owner: the class that takes them, if there is one.
    """
    allowed = set(allowed)
    has_no = f"{where}: {owner} has no argument" if owner else f"{where} has no key"
    return [f"{has_no} {key!r}; {close_names(str(key), allowed)}" for key in given if key not in allowed]


def argument_names(target: Any) -> set[str] | None:
    """The keyword arguments that a class or function takes; None where it takes any."""
    parameters = _parameters(target)
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return {parameter.name for parameter in parameters}


def problems(
    target: Any, given: Mapping[str, Any], where: str, added: Iterable[str] = (), own: Iterable[str] = ()
) -> Iterator[str]:
    """What is wrong with the arguments that a config gives: unknown and missing ones, values of a wrong type.

    Args:
        target: a class or function. Types are looked at in jaxcls' own alone, whose annotations are meant so.
        given: name -> value.
        where: the place in the config.
        added: arguments that the program gives; a config may not.
        own: keys that the program reads itself, and that `given` does not hold.
    """
    name, added, own = getattr(target, "__name__", str(target)), set(added), set(own)
    allowed = argument_names(target)
    if allowed is not None:
        yield from unknown_keys(given, allowed - added | own | {"type"}, where, name)
    missing = [p.name for p in _parameters(target) if _is_needed(p) and p.name not in {*given, *added, *own}]
    if missing:
        yield f"{where}: {name} needs {', '.join(map(repr, missing))}"
    yield from wrong_types(target, given, where)


def wrong_types(target: Any, given: Mapping[str, Any], where: str) -> Iterator[str]:
    """A message for each value that is not what the annotation of the argument says; jaxcls' own annotations alone."""
    hints = _hints(target) if is_own(target) else {}
    for key, value in given.items():
        if key in hints and not fits(value, hints[key]):
            yield f"{where}.{key}: {value!r}; expected {in_words(hints[key])}"


def is_own(target: Any) -> bool:
    """Whether a class or function is part of jaxcls."""
    return str(getattr(target, "__module__", "")).partition(".")[0] == __name__.partition(".")[0]


def fits(value: Any, hint: Any) -> bool:
    """Whether a plain value is what an annotation says; what is not about plain values fits."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, part) for part in arguments)
    if origin is Literal:
        return value in arguments
    if hint in (int, float):
        is_number = isinstance(value, Integral if hint is int else Real) and not isinstance(value, bool)
        return is_number and value == value  # which NaN is not
    if hint is bool:
        return isinstance(value, bool) or value in (0, 1)
    if hint in (str, type(None)):
        return isinstance(value, hint)
    kind = origin or hint
    if kind in (dict, Mapping):
        return isinstance(value, Mapping)
    if kind in (tuple, list, Sequence):
        return isinstance(value, tuple | list) and _elements_fit(value, kind, arguments)
    return True


def _elements_fit(values: Sequence[Any], kind: Any, hints: tuple[Any, ...]) -> bool:
    if kind is tuple and hints and hints[-1] is not Ellipsis:
        return len(values) == len(hints) and all(map(fits, values, hints))
    return not hints or all(fits(value, hints[0]) for value in values)


def is_one_of(value: Any, names: Container[str]) -> bool:
    """Whether a plain value, also one that cannot be hashed, is one of the names."""
    return isinstance(value, str) and value in names


def in_words(hint: Any) -> str:
    """An annotation as a user reads it."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(map(in_words, arguments)))
    if origin is Literal:
        return " or ".join(map(repr, arguments))
    if hint in _WORDS:
        return _WORDS[hint]
    kind = origin or hint
    if kind in (dict, Mapping):
        return "a dict"
    if kind not in (tuple, list, Sequence):
        return getattr(hint, "__name__", str(hint))
    parts = [in_words(part) for part in arguments if part not in (Ellipsis, Any)]
    if kind is tuple and arguments and arguments[-1] is not Ellipsis:
        return f"({', '.join(parts)})"
    return f"a list of {_plural(parts[0])}" if parts else "a list"


def _plural(words: str) -> str:
    return _PLURALS.get(words, words.replace("a list", "lists", 1))


def _parameters(target: Any) -> list[inspect.Parameter]:
    """The parameters that a config may give; those that Flax adds to every module are not among them."""
    flax = sys.modules.get("flax.linen")  # not loaded: then it is no module of Flax's
    added = ("parent", "name") if flax and isinstance(target, type) and issubclass(target, flax.Module) else ()
    return [parameter for parameter in inspect.signature(target).parameters.values() if parameter.name not in added]


def _is_needed(parameter: inspect.Parameter) -> bool:
    by_name = parameter.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return by_name and parameter.default is inspect.Parameter.empty


@functools.cache
def _hints(target: Any) -> dict[str, Any]:
    """Name -> annotation of the arguments; empty where they name what is not there at run time."""
    annotated = target
    if isinstance(target, type) and not dataclasses.is_dataclass(target):
        annotated = inspect.getattr_static(target, "__init__")
    try:
        return typing.get_type_hints(annotated)
    except (NameError, TypeError):
        return {}
