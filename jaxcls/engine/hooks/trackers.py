"""What the loggers to other programs share: the numbers' names, their step, packages that need not be there."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from jaxcls.engine.hooks.numbers import scalars
from jaxcls.errors import UserError

_SKIPPED = ("time", "data_time", "eval_iter_num")


def tags(runner: Any, mode: str) -> dict[str, float]:
    """The line that is due, under the original's names (mmcv/runner/hooks/logger/base.py: get_loggable_tags).

    `<mode>/<name>` of each number in `runner.log_buffer.output`, but for the times; `learning_rate`, and `momentum`
    where the run has one. A precision of each class becomes one number for each; a matrix is in the JSON log only.
    """
    output = runner.log_buffer.output
    logged = {name: value for name, value in output.items() if name not in _SKIPPED}
    found = {f"{mode}/{name}": value for name, value in scalars(logged, runner.meta.get("CLASSES", ())).items()}
    found["learning_rate"] = runner.current_lr()
    if (momentum := runner.current_momentum()) is not None:
        found["momentum"] = momentum
    return found


def step(runner: Any) -> int:
    """The line's step: the training iteration, from 1; after an epoch's last one, the next epoch's first."""
    return runner.iter + 1


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
