"""A config -> the text of a recipe that gives it, as it would be written by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from jaxcls.builder import as_json
from jaxcls.config.keys import DEFAULTS
from jaxcls.mmcls.python_text import INDENT, Names, source

ORDER = ("model", "data", "optimizer", "optimizer_config", "lr_config", "momentum_config", "runner", "ema", "precision")
_HEAD = '''"""{title}

    python train.py --config={file}
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    """The recipe."""
'''


def recipe_text(config: ConfigDict | Mapping[str, Any], title: str, file: str) -> str:
    """The text of a recipe.

    What is as `jaxcls.config.keys.DEFAULTS` has it is left out; what occurs twice becomes a variable.

    Args:
        config: what the recipe gives.
        title: its docstring's first line.
        file: what the recipe will be called.

    Raises:
        UserError: the config holds an object that has no text.
    """
    config = as_json(config.to_dict() if isinstance(config, ConfigDict) else config)  # lists throughout
    given = {key: value for key, value in config.items() if value != as_json(DEFAULTS.get(key, ...), key)}
    given = {key: given[key] for key in sorted(given, key=lambda key: (*ORDER, key).index(key))}
    lines, names = _variables(given["data"])
    given["data"] = _without_copies(given["data"], names)
    returned = f"{INDENT}return ConfigDict({source(given, names, INDENT, len('return ConfigDict('), after=1)})\n"
    return _HEAD.format(title=title, file=file) + lines + returned


def _variables(data: Mapping[str, Any]) -> tuple[str, Names]:
    """Assignments of what is worth a name, and their names."""
    lines, names = "", []
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


def _without_copies(data: Mapping[str, Any], names: Names) -> dict[str, Any]:
    return dict(data)
