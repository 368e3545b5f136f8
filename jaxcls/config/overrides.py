"""`--config.KEY=VALUE` on the command line.

A key is a path as Python spells it: `optimizer.lr`, `data.train.pipeline[0].size`, `custom_keys['.norm'].lr_mult`.
A value is a Python literal; what is none, or what the key does not take, is text: `auto`, `bfloat16`, a folder named 7.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ml_collections import FieldReference

from jaxcls.builder import plain
from jaxcls.config.keys import with_defaults
from jaxcls.errors import UserError

_STEP = re.compile(r"""\.?(?P<name>[^.\[\]'"=]+)|\[(?P<index>-?\d+)\]|\[(?P<quote>['"])(?P<key>.+?)(?P=quote)\]""")


_TYPES = (bool, int, float, str, list, tuple, dict, type(None))


class Override(NamedTuple):
    """What to set, and to what, as typed."""

    path: str
    text: str


def split(arguments: Sequence[str]) -> tuple[list[str], list[Override]]:
    """A command line without its overrides, and these.

    `--config.KEY VALUE` is taken too, `--config.KEY` alone is True and `--noconfig.KEY` False, as absl has it.
    """
    rest: list[str] = []
    overrides: list[Override] = []
    left = list(arguments)
    while left and left[0] != "--":
        argument = left.pop(0)
        found = re.match(r"--?(no)?config\.([^=]+)(=?)(.*)", argument, re.DOTALL)
        if not found:
            rest.append(argument)
            continue
        negated, path, equals, text = found.groups()
        if negated:
            text = "False"
        elif not equals:
            text = "True" if not left or left[0].startswith("--") else left.pop(0)
        overrides.append(Override(path, text))
    return rest + left, overrides


def changed(config: dict[str, Any], overrides: Iterable[Override]) -> dict[str, Any]:
    """The config, a tree of dicts and lists, with the overrides in their order.

    Raises:
        UserError: a key that cannot be read, a list's place that is not there, a value in brackets that is no literal.
    """
    overrides = list(overrides)
    _check_order(overrides)
    for override in overrides:
        _set(config, _steps(override), literal(override), override)
    for override in overrides:
        if isinstance(value := literal(override), bool | int | float | None) and _is_refused(config, override):
            _set(config, _steps(override), override.text, override)
            if _is_refused(config, override):
                _set(config, _steps(override), value, override)
    return config


def _is_refused(config: Any, override: Override) -> bool:
    """Whether the key takes no value of this type."""
    from jaxcls.config.schema import problems_of

    place = f"config.{override.path}: "
    return any(problem.startswith(place) for problem in problems_of(with_defaults(config), ()))


def _check_order(overrides: Sequence[Override]) -> None:
    for i, override in enumerate(overrides):
        for later in overrides[i + 1 :]:
            if override.path.startswith((f"{later.path}.", f"{later.path}[")):
                raise UserError(f"--config.{later.path} comes after --config.{override.path} and would undo it")


def _steps(override: Override) -> list[str | int]:
    """`a.b[0]` -> `["a", "b", 0]`."""
    steps: list[str | int] = []
    place = 0
    while place < len(override.path):
        found = _STEP.match(override.path, place)
        if not found:
            raise UserError(f"--config.{override.path}: expected KEY.KEY, LIST[0] or DICT['a.key.with.dots']")
        index = found["index"]
        steps.append(int(index) if index else found["key"] or found["name"])
        place = found.end()
    return steps


def literal(override: Override) -> Any:
    """The value that a text stands for.

    Raises:
        UserError: a list, tuple or dict that Python cannot read.
    """
    text = override.text.strip()
    if text in ("true", "false"):
        return text == "true"
    try:
        value = ast.literal_eval(text)
        return value if isinstance(value, _TYPES) else override.text
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        if text.startswith(("[", "(", "{")):
            raise UserError(
                f"--config.{override.path}={text}: cannot be read as Python; texts in it need quotes, and spaces or "
                "quotes make the shell need some around it all: \"['a', 'b']\""
            ) from None
        return override.text


def _set(node: Any, steps: Sequence[str | int], value: Any, override: Override) -> None:
    """Sets what `steps` lead to; dicts that are missing on the way are made."""
    step, *rest = steps
    where = f"--config.{override.path}={override.text}"
    if isinstance(node, list):
        index = int(step) if str(step).removeprefix("-").isdecimal() else None
        if index is None or not -len(node) <= index < len(node):
            raise UserError(f"{where}: {step!r} is no place in a list of {len(node)}; expected 0 to {len(node) - 1}")
        step = index
    elif isinstance(node, dict):
        node.setdefault(step, None)
    else:
        raise UserError(f"{where}: the key before {step!r} holds {plain(node)!r}, which has no keys; set it as a whole")
    if not rest:
        _assign(node, step, value)
        return
    if node[step] is None:
        node[step] = {}
    _set(node[step], rest, value, override)


def _assign(node: Any, step: Any, value: Any) -> None:
    if isinstance(node[step], FieldReference):
        node[step].set(value, type_safe=False)  # what depends on it follows
    else:
        node[step] = _with_lists(value)


def _with_lists(value: Any) -> Any:
    """Tuples as lists, so that a later override can reach into them."""
    if isinstance(value, dict):
        return {key: _with_lists(entry) for key, entry in value.items()}
    return [_with_lists(entry) for entry in value] if isinstance(value, list | tuple) else value
