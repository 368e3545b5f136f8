"""A config -> the text of a recipe that gives it, as it would be written by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jaxcls.builder import as_json, plain
from jaxcls.config.keys import DEFAULTS
from jaxcls.mmcls.python_text import COMPOUND, INDENT, Call, is_argument, source
from jaxcls.mmcls.recipe_calls import call_of

ORDER = ("model", "data", "optimizer", "optimizer_config", "lr_config", "momentum_config", "runner", "ema", "precision")
_HEAD = '''"""{title}, written by jaxcls.tools.convert_config.

    python train.py --config={file}
"""

from ml_collections import ConfigDict
{imports}

def get_config() -> ConfigDict:
    """The recipe."""
'''
_SPLITS = ("train", "val", "test")
_LONG = 40
_Pairs = list[tuple[Any, str]]  # (a value, the variable that holds it)


def recipe_text(config: Mapping[str, Any], title: str, file: str) -> str:
    """The text of a recipe.

    What is as `jaxcls.config.keys.DEFAULTS` has it is left out. Functions of `jaxcls.recipes` are called where they
    give the same. What occurs twice becomes a variable, and so does what shortens the text by that.

    Args:
        config: what the recipe gives, plain dicts and lists.
        title: what it is, for its docstring.
        file: what the recipe will be called.

    Raises:
        UserError: the config holds an object that has no text.
    """
    given = {key: value for key, value in config.items() if key not in DEFAULTS or plain(value) != plain(DEFAULTS[key])}
    given = {key: _tidy(given[key], key) for key in sorted(given, key=lambda key: (*ORDER, key).index(key))}
    body = min((_body(*parts) for parts in _forms(given)), key=_length)
    imports = "\nfrom jaxcls import recipes\n" if "recipes." in body else ""
    dotted = ", allow_dotted_keys=True" if _has_dotted_keys(config) else ""
    return f"{_HEAD.format(title=title, file=file, imports=imports)}{body}{INDENT}return ConfigDict(config{dotted})\n"


def _length(text: str) -> int:
    return text.count("\n")


def _tidy(node: Any, where: str) -> Any:
    """Each dict with its type first, or as a call; classes and functions by their names."""
    if isinstance(node, Mapping):
        if call := call_of(node):
            return call
        first = {"type": node["type"]} if "type" in node else {}
        return {key: _tidy(value, f"{where}.{key}") for key, value in (first | dict(node)).items()}
    if isinstance(node, list | tuple):
        return type(node)(_tidy(value, f"{where}[{i}]") for i, value in enumerate(node))
    return as_json(node, where)


def _has_dotted_keys(node: Any) -> bool:
    if isinstance(node, Mapping):
        return any("." in key for key in node) or any(map(_has_dotted_keys, node.values()))
    return isinstance(node, list | tuple) and any(map(_has_dotted_keys, node))


def _forms(given: dict[str, Any]) -> Iterator[tuple[dict[str, Any], _Pairs]]:
    """The config and its variables, with each source of data in full, and with what they share as one variable."""
    data = given["data"]
    sources = {split: data[split] for split in _SPLITS if isinstance(data.get(split), Mapping)}
    pipelines = [(node["pipeline"], f"{split}_pipeline") for split, node in sources.items() if node.get("pipeline")]
    last = [pipeline[-1] for pipeline, _ in pipelines]
    names = [*([(last[0], "normalize")] if last[1:] and last[0] == last[1] else []), *pipelines]
    yield given, _with_validation(data, names)
    first, *others = sources.values()
    shared = {key: value for key, value in first.items() if all(other.get(key) == value for other in others)}
    shared.pop("pipeline", None)
    if len(shared) < 2:
        return
    rest = {split: {key: node[key] for key in node if key not in shared} for split, node in sources.items()}
    data = data | {split: Call("dict", {0: shared} | node) for split, node in rest.items()}
    yield given | {"data": data}, _with_validation(data, [(shared, "source"), *names])


def _with_validation(data: Mapping[str, Any], names: _Pairs) -> _Pairs:
    names = [*names, *([(data["val"], "val")] if "val" in data and data["val"] == data.get("test") else [])]
    return [pair for i, pair in enumerate(names) if not any(pair[0] == known for known, _ in names[:i])]


def _body(given: Mapping[str, Any], names: _Pairs) -> str:
    """The assignments and the config; of the model, variables are what shortens it by two lines and more."""

    def cost(more: _Pairs) -> int:
        return _length(_with_names(given, [*names, *more])) + 2 * len(more)

    for alternatives in _parts(given["model"]):
        taken = {name for _, name in names}
        free = [pairs for pairs in alternatives if not taken & {name for _, name in pairs}]
        choices: list[_Pairs] = [*free, []]
        best = min(choices, key=cost)
        names = [*names, *best]
    return _with_names(given, names)


def _parts(node: Any) -> Iterator[list[_Pairs]]:
    """What may become a variable, with its key: dicts, lists and long texts, alone or with an inner one."""
    if isinstance(node, Call):
        node = node.arguments
    items: Iterable[tuple[Any, Any]] = node.items() if isinstance(node, Mapping) else enumerate(node)
    for key, value in items:
        inner = [*_parts(value)] if isinstance(value, COMPOUND) else []
        yield from inner
        long = isinstance(value, COMPOUND) or (isinstance(value, str) and len(value) > _LONG)
        if long and is_argument(key) and key != "type":
            yield [[(value, key)], *([*alone, (value, key)] for alone, *_ in inner)]


def _with_names(given: Mapping[str, Any], names: _Pairs) -> str:
    text = ""
    for i, (value, name) in enumerate(names):
        text += f"{INDENT}{name} = {source(value, names[:i], INDENT, len(name) + 3, after=0)}\n"
    return f"{text}{INDENT}config = {source(given, names, INDENT, before=len('config = '), after=0)}\n"
