"""Values as Python source, laid out as ruff lays it out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from keyword import iskeyword
from typing import Any

WIDTH = 120
INDENT = "    "
Names = Sequence[tuple[Any, str]]  # (a value, the variable that holds it)


@dataclass(frozen=True)
class Call:
    """A call of a function.

    Attributes:
        function: as it is written.
        arguments: by their names, or by their places, which come first.
    """

    function: str
    arguments: Mapping[str | int, Any]


COMPOUND = Mapping | list | tuple | Call


def source(value: Any, names: Names = (), indent: str = "", before: int = 0, after: int = 1) -> str:
    """The text of a value: on one line, else a call's arguments on one line of their own, else each on its own.

    Args:
        value: dicts, lists, tuples, numbers, texts, None.
        names: what is written by its variable's name.
        indent: of the line that it begins in.
        before: how many characters stand before it in that line, the indent apart.
        after: how many characters have to follow it in its last line.
    """
    line = _line(value, names)
    call = _as_call(value)
    if not isinstance(call, COMPOUND) or not call or _named(value, names):
        return line
    if len(indent) + before + len(line) + after <= WIDTH:
        return line
    opening, closing = _brackets(call)
    inner = indent + INDENT
    elements = ", ".join(_elements(call, names, None))
    if isinstance(call, Call) and len(inner) + len(elements) <= WIDTH:
        return f"{opening}\n{inner}{elements}\n{indent}{closing}"
    lines = "".join(f"{inner}{element},\n" for element in _elements(call, names, inner))
    return f"{opening}\n{lines}{indent}{closing}"


def _line(value: Any, names: Names) -> str:
    """All on one line."""
    if name := _named(value, names):
        return name
    call = _as_call(value)
    if not isinstance(call, COMPOUND):
        return _quoted(call)
    opening, closing = _brackets(call)
    single = "," if isinstance(call, tuple) and len(call) == 1 else ""
    return opening + ", ".join(_elements(call, names, None)) + single + closing


def _named(value: Any, names: Names) -> str | None:
    if not isinstance(value, COMPOUND | str):
        return None
    return next((name for known, name in names if known == value), None)


def _as_call(value: Any) -> Any:
    """A dict as a call of `dict`, where its keys can be names of arguments."""
    if isinstance(value, Mapping) and all(is_argument(key) for key in value):
        return Call("dict", value) if value else value
    return value


def is_argument(key: Any) -> bool:
    """Whether a call can have an argument of that name."""
    return isinstance(key, str) and key.isidentifier() and not iskeyword(key)


def _elements(value: Any, names: Names, indent: str | None) -> Iterable[str]:
    """The elements' texts; None: each on one line."""
    if isinstance(value, Call):
        pairs = [("" if isinstance(key, int) else f"{key}=", element) for key, element in value.arguments.items()]
    elif isinstance(value, Mapping):
        pairs = [(f"{_quoted(key)}: ", element) for key, element in value.items()]
    else:
        pairs = [("", element) for element in value]
    for key, element in pairs:
        yield key + (_line(element, names) if indent is None else source(element, names, indent, len(key)))


def _brackets(value: Any) -> tuple[str, str]:
    if isinstance(value, Call):
        return f"{value.function}(", ")"
    if isinstance(value, Mapping):
        return "{", "}"
    return ("(", ")") if isinstance(value, tuple) else ("[", "]")


def _quoted(text: Any) -> str:
    """In double quotes, unless there are some in the text."""
    written = repr(text)
    return f'"{written[1:-1]}"' if isinstance(text, str) and '"' not in text else written
