"""The ranges in which a config's numbers must lie."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, NamedTuple

from jaxcls.errors import UserError


class Range(NamedTuple):
    """Which finite numbers are allowed, in words and as a test."""

    text: str
    holds: Callable[[float], bool]


NUMBER = Range("a number", lambda value: True)
POSITIVE = Range("a positive number", lambda value: value > 0)
NON_NEGATIVE = Range("a number from 0", lambda value: value >= 0)
BELOW_ONE = Range("a number in [0, 1)", lambda value: 0 <= value < 1)
UP_TO_ONE = Range("a number in (0, 1]", lambda value: 0 < value <= 1)


def require(name: str, value: Any, allowed: Range) -> float:
    """The value, a finite number in the range.

    Raises:
        UserError: it is none.
    """
    is_number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or not allowed.holds(value):
        raise UserError(f"{name}: expected {allowed.text}, got {value!r}")
    return value


def positive_integer(name: str, value: Any) -> int:
    """The value, an integer above 0 that int32 holds, as counts of steps do.

    Raises:
        UserError: it is none.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or not 1 <= int(value) < 2**31:
        raise UserError(f"{name}: expected a positive integer, got {value!r}")
    return int(value)
