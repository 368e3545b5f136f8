"""The language of MMClassification 0.x's config files: Python, JSON or YAML, put together by inheritance.

A file's `_base_` names other files, relative to it. Their keys hold where the file is silent. A dict of the file
changes the keys of the base's dict that it has; anything else replaces, and so does a dict with `_delete_=True`
(mmcv/utils/config.py, 1.7).
"""

from __future__ import annotations

import ast
import functools
import json
import os
import re
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxcls import user_code
from jaxcls.errors import UserError, did_you_mean
from jaxcls.mmcls.inheritance import BASE, ConfigFile, base_value, merge, together
from jaxcls.paths import expand

DEPRECATION = "_deprecation_"
SUFFIXES = (".py", ".json", ".yml", ".yaml")
_BASE_VALUE = re.compile(r"\{\{\s*_base_\.([\w.]+)\s*\}\}")
_CALL = "__base_value__"  # with underscores, so that it is no key
_SUCCESSORS = ("mmengine", "mmpretrain")  # packages whose configs import them


def read_file(path: str | Path, below: tuple[Path, ...] = ()) -> ConfigFile:
    """A config file with its bases.

    Args:
        path: of the file.
        below: the files that inherit from it.

    Raises:
        UserError: a file is missing, fails, inherits from itself, or its keys cannot be merged into its bases'.
    """
    path = expand(path)
    _check_path(path, below)
    text = _with_own_names(_text(path), path)
    read_bases = functools.cache(lambda names: _read_bases(names, path, below))
    read = frozenset(name.partition(".")[0] for name in _BASE_VALUE.findall(text))
    if path.suffix == ".py":
        own = _execute(text, path, read_bases)
        read |= _names_read(text)
    else:
        own = _parse(text, path, read_bases)
    bases = read_bases(_base_names(own.pop(BASE, ()), path))
    deprecation = own.pop(DEPRECATION, None)
    values = merge(own, together(bases, path), path)
    return ConfigFile(path, own, values, read, bases, deprecation)


def _check_path(path: Path, below: tuple[Path, ...]) -> None:
    named_by = f"{below[-1]}: _base_: " if below else ""
    if path in below:
        raise UserError(f"{named_by}{path} inherits from itself: {' -> '.join(map(str, [*below, path]))}")
    if path.suffix not in SUFFIXES:
        raise UserError(f"{named_by}{path}: expected a file that ends in {', '.join(SUFFIXES)}")
    if not path.is_file():
        others = [other.name for other in path.parent.glob("*") if other.suffix in SUFFIXES]
        raise UserError(f"{named_by}{path} does not exist; {did_you_mean(path.name, others)}".rstrip("; "))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error


def _with_own_names(text: str, path: Path) -> str:
    """`{{ fileDirname }}` and its like, replaced."""
    names = {
        "fileDirname": path.parent,
        "fileBasenameNoExtension": path.stem,
        "fileBasename": path.name,
        "fileExtname": path.suffix,
    }
    pattern = rf"\{{\{{\s*({'|'.join(names)})\s*\}}\}}"
    return re.sub(pattern, lambda found: str(names[found[1]]).replace("\\", "/"), text)


Bases = tuple[ConfigFile, ...]
ReadBases = Callable[[tuple[str, ...]], Bases]


def _execute(text: str, path: Path, read_bases: ReadBases) -> dict[str, Any]:
    """What the Python file sets. `{{ _base_.a.b }}` in it is the base's value, so that it can be computed with."""
    user_code.search(path.parent)
    namespace: dict[str, Any] = {"__name__": f"config:{path}", "__file__": str(path)}

    def of_the_base(name: str) -> Any:
        return base_value(name, read_bases(_base_names(namespace.get(BASE, ()), path)), path)

    namespace[_CALL] = of_the_base
    code = _BASE_VALUE.sub(lambda found: f"{_CALL}({found[1]!r})", text)
    try:
        exec(compile(code, str(path), "exec"), namespace)
    except UserError:
        raise
    except Exception as error:
        said = user_code.describe(error)
        if isinstance(error, ModuleNotFoundError) and str(error.name).startswith(_SUCCESSORS):
            said += "; that is MMEngine's kind of config file, expected one of MMClassification 0.x"
        raise UserError(said if said.startswith(str(path)) else f"{path}: {said}") from error
    return {name: value for name, value in namespace.items() if not name.startswith("__") and not _is_code(value)}


def _is_code(value: Any) -> bool:
    return isinstance(value, types.ModuleType) or callable(value)


def _names_read(text: str) -> frozenset[str]:
    """The variables that a Python file reads."""
    tree = ast.parse(_BASE_VALUE.sub("None", text))
    return frozenset(
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    )


def _parse(text: str, path: Path, read_bases: ReadBases) -> dict[str, Any]:
    """What a JSON or YAML file sets."""
    text = _BASE_VALUE.sub(lambda found: json.dumps(found[0]), text)
    try:
        own = json.loads(text) if path.suffix == ".json" else _load_yaml(text, path)
    except ValueError as error:
        raise UserError(f"{path}: {' '.join(str(error).split())}") from error
    if not isinstance(own, dict):
        raise UserError(f"{path}: expected a dict of the config's keys, got {own!r}")
    bases = read_bases(_base_names(own.get(BASE, ()), path))

    def filled(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: filled(value) for key, value in node.items()}
        if isinstance(node, list):
            return [filled(value) for value in node]
        found = _BASE_VALUE.fullmatch(node) if isinstance(node, str) else None
        return base_value(found[1], bases, path) if found else node

    return filled(own)


def _load_yaml(text: str, path: Path) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise UserError(f"{path}: pip install pyyaml reads YAML; or write the config as Python or JSON") from error
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(error) from error


def _base_names(given: Any, path: Path) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) else given
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise UserError(f"{path}: {BASE} is {given!r}; expected a file's name or a list of them")
    return tuple(names)


def _read_bases(names: tuple[str, ...], path: Path, below: tuple[Path, ...]) -> Bases:
    files = (os.path.normpath(path.parent / Path(name).expanduser()) for name in names)
    return tuple(read_file(file, (*below, path)) for file in files)
