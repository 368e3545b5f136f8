"""Code of the user's own: where it is looked for, how a config names it, and what to say when it fails."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
import sysconfig
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from jaxcls.errors import UserError, close_names
from jaxcls.paths import expand

_PACKAGE = Path(__file__).resolve().parent
_INSTALLED = tuple(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib"))
_added: list[str] = []


def search(folder: str | Path) -> None:
    """Lets modules in a folder be imported, after all that Python finds elsewhere.

    Raises:
        UserError: the path names an unknown user or a variable that is not set.
    """
    folder = str(expand(folder))
    if folder not in sys.path:
        sys.path.append(folder)
        _added.append(folder)


def used_folders(config: Any) -> list[str]:
    """The folders given to `search` that hold a module which a config names."""
    modules = [sys.modules.get(text.partition(":")[0]) for text in _texts(config) if ":" in text]
    files = [Path(file) for module in modules if (file := getattr(module, "__file__", None))]
    return [folder for folder in _added if any(file.is_relative_to(folder) for file in files)]


def _texts(config: Any) -> Iterator[str]:
    if isinstance(config, str):
        yield config
    elif isinstance(config, Mapping | list | tuple):
        for value in config.values() if isinstance(config, Mapping) else config:
            yield from _texts(value)


def load(name: str, where: str = "type") -> Any:
    """What `package.module:Name` stands for.

    Raises:
        UserError: no such module, no such name in it, or the module fails.
    """
    module_name, _, attribute = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and f"{module_name}.".startswith(f"{error.name}."):
            raise UserError(f"{where}: {name!r}: cannot import {module_name!r}; looked in {_searched()}") from error
        raise UserError(f"{where}: {name!r}: cannot import {module_name!r}: {describe(error)}") from error
    except Exception as error:
        raise UserError(f"{where}: {name!r}: cannot import {module_name!r}: {describe(error)}") from error
    try:
        return functools.reduce(getattr, attribute.split("."), module)
    except AttributeError:
        file = getattr(module, "__file__", None) or module_name
        raise UserError(f"{where}: {name!r}: not in {file}; {close_names(attribute, public_names(module))}") from None


def _searched() -> str:
    folders = [folder or "." for folder in sys.path if not folder.startswith(_INSTALLED) and Path(folder).is_dir()]
    return ", ".join(dict.fromkeys((*folders, "the installed packages")))


def public_names(module: ModuleType) -> list[str]:
    """What a module offers."""
    return [name for name in vars(module) if not name.startswith("_")]


def describe(error: BaseException) -> str:
    """`FILE, line N: KIND: MESSAGE` of an exception; the line is the last one that is neither jaxcls' nor installed."""
    message = " ".join(str(error).split())
    if isinstance(error, SyntaxError):
        return f"{error.filename}, line {error.lineno}: {type(error).__name__}: {error.msg}"
    what = message if isinstance(error, UserError) else f"{type(error).__name__}: {message}"
    if not (lines := frames(error)):
        return what
    line = (lines[-1].line or "").strip()
    shown = f" ({line})" if line and not line.startswith("raise ") else ""
    return f"{lines[-1].filename}, line {lines[-1].lineno}{shown}: {what}"


def frames(error: BaseException) -> list[traceback.FrameSummary]:
    """The lines that an exception has passed, those alone that are neither jaxcls' nor installed."""
    return [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame.filename)]


def _is_users(file: str) -> bool:
    return not file.startswith(("<", *_INSTALLED)) and not Path(file).resolve().is_relative_to(_PACKAGE)


def reference(value: Any, where: str) -> str:
    """`package.module:Name` of a class or function, by which another program finds it.

    Raises:
        UserError: it has no such name, or another thing has it.
    """
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not module or not name:
        raise UserError(f"{where}: {value!r} cannot be saved; expected numbers, texts, lists, dicts, None or a class")
    text = f"{module}:{name}"
    if "<" in name or not _is_importable(module):
        kind = "a lambda" if "<lambda>" in name else f"{name.rpartition('.')[2]!r}"
        raise UserError(
            f"{where}: {kind} of {module!r} cannot be imported by another program, so that the config cannot be saved; "
            "define it in a module, by a name of its own"
        )
    if load(text, where) is not value:
        raise UserError(f"{where}: {text!r} is another object than the one in the config; name it by 'module:Name'")
    return text


def _is_importable(module: str) -> bool:
    """A script is not; what is in `__main__` of a notebook can at least be found there."""
    return not (module.startswith("recipe:") or (module == "__main__" and hasattr(sys.modules[module], "__file__")))
