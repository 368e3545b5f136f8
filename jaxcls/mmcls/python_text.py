"""Values as Python source, laid out as ruff lays it out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from keyword import iskeyword
from typing import Any

WIDTH = 120
INDENT = "    "
Names = Sequence[tuple[Any, str]]  # (a value, the variable that holds it)


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
    if not isinstance(value, Mapping | list | tuple) or not value or _named(value, names):
        return line
    if len(indent) + before + len(line) + after <= WIDTH:
        return line
    opening, closing = _brackets(value)
    inner = indent + INDENT
    elements = ", ".join(_elements(value, names, None))
    if _is_call(value) and len(inner) + len(elements) <= WIDTH:
        return f"{opening}\n{inner}{elements}\n{indent}{closing}"
    lines = "".join(f"{inner}{element},\n" for element in _elements(value, names, inner))
    return f"{opening}\n{lines}{indent}{closing}"


def _line(value: Any, names: Names) -> str:
    """All on one line."""
    if name := _named(value, names):
        return name
    if not isinstance(value, Mapping | list | tuple):
        return _quoted(value)
    opening, closing = _brackets(value)
    single = "," if isinstance(value, tuple) and len(value) == 1 else ""
    return opening + ", ".join(_elements(value, names, None)) + single + closing


def _named(value: Any, names: Names) -> str | None:
    if not isinstance(value, Mapping | list | tuple):
        return None
    return next((name for known, name in names if known == value), None)


def _elements(value: Any, names: Names, indent: str | None) -> Iterable[str]:
    """The elements' texts; None: each on one line."""
    if not isinstance(value, Mapping):
        pairs: list[tuple[str, Any]] = [("", element) for element in value]
    elif _is_call(value):
        pairs = [(f"{key}=", element) for key, element in value.items()]
    else:
        pairs = [(f"{_quoted(key)}: ", element) for key, element in value.items()]
    for key, element in pairs:
        yield key + (_line(element, names) if indent is None else source(element, names, indent, len(key)))


def _brackets(value: Any) -> tuple[str, str]:
    if isinstance(value, Mapping):
        return ("dict(", ")") if _is_call(value) else ("{", "}")
    return ("(", ")") if isinstance(value, tuple) else ("[", "]")


def _is_call(value: Any) -> bool:
    """Whether `dict(key=…)` can say it."""
    return isinstance(value, Mapping) and all(
        isinstance(key, str) and key.isidentifier() and not iskeyword(key) for key in value
    )


def _quoted(text: Any) -> str:
    """In double quotes, unless there are some in the text."""
    written = repr(text)
    return f'"{written[1:-1]}"' if isinstance(text, str) and '"' not in text else written
