"""What a continuation must have in common with the run that it continues."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from jaxcls.errors import UserError


def check_identity(now: Mapping[str, Any], then: Mapping[str, Any]) -> None:
    """Compares what both have.

    Args:
        now: name -> JSON value.
        then: the same, and more, of the run that is to be continued.

    Raises:
        UserError: something differs.
    """
    differing = [_change(name, then[name], value) for name, value in now.items() if then.get(name, value) != value]
    if differing:
        raise UserError(
            f"cannot continue: {'; '.join(differing)}; set it back, or start anew from these weights with --load_from"
        )


def _change(name: str, was: Any, now: Any) -> str:
    """What differs between two JSON values; of long lists the first place that does."""
    if isinstance(was, list) and isinstance(now, list) and max(len(was), len(now)) > 5:
        place = next(i for i, pair in enumerate(itertools.zip_longest(was, now)) if pair[0] != pair[1])
        name, was, now = f"{name}[{place}]", was[place : place + 1], now[place : place + 1]
    return f"{name} was {was!r} when the checkpoint was saved and is {now!r} now"
