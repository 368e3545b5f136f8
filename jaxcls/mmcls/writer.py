"""A config -> the text of a recipe that gives it, as it would be written by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jaxcls.builder import as_json, plain
from jaxcls.config.keys import DEFAULTS
from jaxcls.mmcls.python_text import INDENT, Names, source

ORDER = ("model", "data", "optimizer", "optimizer_config", "lr_config", "momentum_config", "runner", "ema", "precision")
_HEAD = '''"""{title}

    python train.py --config={file}

Written by jaxcls.tools.convert_config.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    """The recipe."""
'''


def recipe_text(config: Mapping[str, Any], title: str, file: str) -> str:
    """The text of a recipe.

    What is as `jaxcls.config.keys.DEFAULTS` has it is left out; what occurs twice becomes a variable.

    Args:
        config: what the recipe gives, plain dicts and lists.
        title: its docstring's first line.
        file: what the recipe will be called.

    Raises:
        UserError: the config holds an object that has no text.
    """
    given = {key: value for key, value in config.items() if key not in DEFAULTS or plain(value) != plain(DEFAULTS[key])}
    given = {key: _tidy(given[key], key) for key in sorted(given, key=lambda key: (*ORDER, key).index(key))}
    lines, names = _variables(given["data"])
    dotted = ", allow_dotted_keys=True" if _has_dotted_keys(given) else ""
    lines += f"{INDENT}config = {source(given, names, INDENT, before=len('config = '), after=0)}\n"
    return f"{_HEAD.format(title=title, file=file)}{lines}{INDENT}return ConfigDict(config{dotted})\n"


def _tidy(node: Any, where: str) -> Any:
    """Each dict with its type first; classes and functions by their names."""
    if isinstance(node, Mapping):
        first = {"type": node["type"]} if "type" in node else {}
        return {key: _tidy(value, f"{where}.{key}") for key, value in (first | dict(node)).items()}
    if isinstance(node, list | tuple):
        return type(node)(_tidy(value, f"{where}[{i}]") for i, value in enumerate(node))
    return as_json(node, where)


def _has_dotted_keys(node: Any) -> bool:
    if isinstance(node, Mapping):
        return any("." in key for key in node) or any(map(_has_dotted_keys, node.values()))
    return isinstance(node, list | tuple) and any(map(_has_dotted_keys, node))


def _variables(data: Mapping[str, Any]) -> tuple[str, Names]:
    """Assignments of what is worth a name, and their names."""
    lines, names = "", list[tuple[Any, str]]()
    for name, value in _worth_a_name(data):
        if not any(value == known for known, _ in names):
            lines += f"{INDENT}{name} = {source(value, names, INDENT, len(name) + 3, after=0)}\n"
            names.append((value, name))
    return lines, names


def _worth_a_name(data: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The normalisation, the pipelines and the validation data."""
    nodes = {split: data[split] for split in ("train", "val", "test") if isinstance(data.get(split), Mapping)}
    pipelines = {split: node["pipeline"] for split, node in nodes.items() if node.get("pipeline")}
    found = []
    if (last := [pipeline[-1] for pipeline in pipelines.values()]) and last[1:] and last[0] == last[1]:
        found.append(("normalize", last[0]))
    found += [(f"{split}_pipeline", pipeline) for split, pipeline in pipelines.items()]
    if "val" in nodes and nodes.get("test") == nodes["val"]:
        found.append(("val", nodes["val"]))
    return found
