"""What `metric_options` may hold."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from jaxcls.builder import plain
from jaxcls.errors import UserError, close_names
from jaxcls.metrics.metric import Metric, several
from jaxcls.metrics.single_label import AVERAGE_MODES


def checked_options(
    options: Mapping[str, Any] | None, kinds: Iterable[type[Metric]], classes: Sequence[str], where: str
) -> tuple[dict[str, Any], list[str]]:
    """The options that are given, and what is wrong with them.

    Args:
        options: name -> value; None counts as not given.
        kinds: the metrics that take them.
        classes: the classes' names, for thresholds of each; none where they are not known.
        where: the options' place in the config, for messages.
    """
    options = {key: value for key, value in plain(options or {}).items() if value is not None}
    kinds = list(kinds)
    allowed = {key for kind in kinds for key in kind.options()}
    problems = []
    for key, value in options.items():
        if key not in allowed:
            hint = close_names(key, allowed) if allowed else "there is none"
            problems.append(f"{where}.{key} is unknown for these metrics; {hint}")
        elif key == "thr" and isinstance(value, Mapping):
            problems += [f"{where}.thr: {problem}" for problem in _by_class(value, classes)]
        elif message := CHECKS[key](value):
            problems.append(f"{where}.{key}: expected {message}, got {value!r}")
    return options, problems


def parsed_options(pairs: Iterable[str]) -> dict[str, Any]:
    """`["topk=1,5"]` -> `{"topk": (1, 5)}`.

    Raises:
        UserError: no `=`.
    """
    options: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise UserError(f"--metric_options: {pair!r}; expected NAME=VALUE")
        try:
            options[name] = ast.literal_eval(value)
        except (SyntaxError, ValueError):
            options[name] = value
    return options


def _by_class(thrs: Mapping[str, Any], classes: Sequence[str]) -> list[str]:
    problems = [
        f"{name}: expected a number from 0 to 1, got {thr!r}" for name, thr in thrs.items() if not _is_share(thr)
    ]
    problems += [f"there is no class {name!r}; {close_names(name, classes)}" for name in thrs if name not in classes]
    missing = [name for name in classes if name not in thrs]
    return problems + ([f"no threshold for {', '.join(missing)}"] if missing else [])


def _is_positive(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _positive(value: Any) -> str | None:
    return None if _is_positive(value) else "one number, a positive integer"


def _all_different(test: Callable[[Any], bool], text: str) -> Callable[[Any], str | None]:
    def check(value: Any) -> str | None:
        values = several(value) if np.isscalar(value) or isinstance(value, tuple) else ()
        fine = values and all(map(test, values)) and len(set(values)) == len(values)
        return None if fine else f"{text}, one or several different ones"

    return check


CHECKS: dict[str, Callable[[Any], str | None]] = {
    "topk": _all_different(_is_positive, "positive integers"),
    "thrs": _all_different(_is_share, "numbers from 0 to 1"),
    "thr": _all_different(_is_share, "numbers from 0 to 1"),
    "k": _positive,
    "bins": _positive,
    "average_mode": lambda value: None if value in AVERAGE_MODES else " or ".join(AVERAGE_MODES),
}
