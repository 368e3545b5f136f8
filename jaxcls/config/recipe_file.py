"""A recipe, `FILE` or `FILE:ARGUMENT` -> its config, with the changes of the command line."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import reprlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from ml_collections import ConfigDict, FieldReference

from jaxcls import user_code
from jaxcls.builder import plain
from jaxcls.config.overrides import Override, changed
from jaxcls.config.saved import load_config
from jaxcls.errors import UserError, close_names
from jaxcls.paths import expand
from jaxcls.shipped import recipes


def load_recipe(given: str, overrides: Iterable[Override] = ()) -> dict[str, Any]:
    """The config that a recipe gives, as plain dicts and tuples.

    Args:
        given: a Python file with a function `get_config`, `FILE:ARGUMENT` for its argument, or a saved `config.json`;
            the name of a recipe in `configs/` stands for its file.
        overrides: what the command line changes in it.

    Raises:
        UserError: there is no such file, it fails, gives no config, or cannot be changed so.
    """
    file, colon, argument = given.partition(":")
    path = _found(file, given)
    with _dotted_keys():
        config = load_config(path) if path.suffix == ".json" else _call(path, [argument] if colon else [], given)
        config = changed(_thawed(config), overrides)
    try:
        return plain(config)
    except Exception as error:  # a placeholder that is still empty
        raise UserError(f"--config={given}: {user_code.describe(error)}") from error


def _found(file: str, given: str) -> Path:
    """The path of a recipe by its name, else of a file."""
    named = recipes()
    if file in named:
        return named[file]
    path = expand(file)
    if path.is_dir():
        raise UserError(f"--config={given}: a folder; expected a recipe in it, or its config.json")
    if not path.is_file() and file.isidentifier():
        raise UserError(f"--config={given}: no recipe; {close_names(file, named)}")
    if not path.is_file():
        others = sorted(str(Path(file).parent / other.name) for other in path.parent.glob("*.py"))
        hint = f"; {close_names(file, others)}" if others else ""
        raise UserError(f"--config={given}: No such file or directory: {file!r}{hint}")
    if path.suffix not in (".py", ".json"):
        raise UserError(f"--config={given}: expected a Python file with get_config(), or a saved config.json")
    return path


@contextlib.contextmanager
def _dotted_keys() -> Iterator[None]:
    """Meanwhile every ConfigDict takes keys with dots, such as the original's `custom_keys` have."""
    defaults = ConfigDict.__init__.__kwdefaults__
    before = dict(defaults)
    defaults["allow_dotted_keys"] = True
    try:
        yield
    finally:
        defaults.update(before)


def _call(path: Path, arguments: list[str], given: str) -> Any:
    """What `get_config` of a file returns."""
    try:
        module = _execute(path)
        function = getattr(module, "get_config", None)
        if not callable(function):
            raise UserError(f"{path} has no function get_config()")
        _check_argument(function, arguments, path)
        config = function(*arguments)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"--config={given}: {user_code.describe(error)}") from error
    if not isinstance(config, Mapping | ConfigDict):
        raise UserError(f"--config={given}: get_config() gave {reprlib.repr(config)}; expected a ConfigDict or a dict")
    return config


def _execute(path: Path) -> ModuleType:
    """The file as a module, by the name under which others import it, where that is free."""
    user_code.search(path.parent)
    spec = importlib.util.spec_from_file_location(_module_name(path), path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)  # no bytecode beside the user's file
    return module


def _module_name(path: Path) -> str:
    if path.stem.isidentifier():
        with contextlib.suppress(ImportError, ValueError):
            found = importlib.util.find_spec(path.stem)
            if found is not None and found.origin and Path(found.origin).resolve() == path.resolve():
                return path.stem
    return f"recipe:{path}"


def _check_argument(function: Any, arguments: list[str], path: Path) -> None:
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError:
        wants = "needs an argument: FILE:ARGUMENT" if not arguments else f"takes no argument, got {arguments[0]!r}"
        raise UserError(f"get_config() of {path} {wants}") from None


def _thawed(node: Any) -> Any:
    """Dicts and lists that share nothing, in place of ConfigDicts; references stay, so that they go on depending."""
    if isinstance(node, FieldReference) and issubclass(node.get_type(), ConfigDict | Mapping):
        node = node.get()
    if isinstance(node, ConfigDict):
        node = dict(node.items(preserve_field_references=True))
    if isinstance(node, Mapping):
        return {key: _thawed(value) for key, value in node.items()}
    return [_thawed(value) for value in node] if isinstance(node, list | tuple) else node
