"""A function as a hook (mmcv/runner/hooks/closure.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jaxcls.builder import lookup
from jaxcls.engine import hooks
from jaxcls.engine.hooks.hook import STAGES, Hook
from jaxcls.errors import UserError, close_names

_GENERIC = ("before_epoch", "after_epoch", "before_iter", "after_iter")


class ClosureHook(Hook):
    """Calls `fn(runner)` at one stage.

    Args:
        fn_name: the stage.
        fn: a function, or `package.module:name`.

    Raises:
        UserError: no such stage or function.
    """

    def __init__(self, fn_name: str, fn: Callable[[Any], None] | str) -> None:
        if fn_name not in (*STAGES, *_GENERIC):
            raise UserError(f"fn_name: {fn_name!r}; {close_names(fn_name, (*STAGES, *_GENERIC))}")
        self.fn_name = fn_name
        setattr(self, fn_name, lookup(fn, hooks, "fn") if isinstance(fn, str) else fn)

    def _overrides(self, method: str) -> bool:
        return method == self.fn_name
