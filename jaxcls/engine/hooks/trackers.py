"""What the loggers to other programs share: the numbers' names, how a run ended, packages that need not be there."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from jaxcls.engine.hooks.numbers import scalars
from jaxcls.engine.records import Record
from jaxcls.errors import UserError

_SKIPPED = ("time", "data_time")


def tags(runner: Any, record: Record) -> dict[str, float]:
    """A line's numbers under the original's names (mmcv/runner/hooks/logger/base.py: get_loggable_tags).

    `<mode>/<name>` of each, but for the times; `learning_rate`, and `momentum` where the run has one. A precision of
    each class becomes one number for each; a matrix is in the JSON log only.
    """
    logged = {name: value for name, value in record.values.items() if name not in _SKIPPED}
    found = {f"{record.mode}/{name}": value for name, value in scalars(logged, runner.meta.get("CLASSES", ())).items()}
    found["learning_rate"] = record.lr
    if record.momentum is not None:
        found["momentum"] = record.momentum
    return found


def status(runner: Any) -> str:
    """How the run has ended, by MLflow's names: FINISHED, KILLED by a signal, FAILED."""
    if runner.failure is None:
        return "FINISHED"
    return "KILLED" if isinstance(runner.failure, KeyboardInterrupt) else "FAILED"


def require(package: str, hook: str) -> ModuleType:
    """The module of an optional package.

    Raises:
        UserError: it cannot be imported, with the command that installs it.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise UserError(f"{hook} needs the package {package} ({error}): pip install 'jaxcls[{package}]'") from error
