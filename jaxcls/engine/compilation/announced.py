"""Says that a program is being compiled, and how long that took."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import jax

_log = logging.getLogger("jaxcls")
_HIT = "/jax/compilation_cache/cache_hits"


def announced(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """A compiled function whose first call, which compiles it, is in the log: before it and after it.

    Args:
        function: what `jax.jit` or `jax.pmap` gives.
        name: what the log calls it, such as `training step`.
    """
    called = False

    def call(*arguments: Any) -> Any:
        nonlocal called
        if called:
            return function(*arguments)
        called = True
        _log.info("compiling the %s ...", name)
        start, hits = time.monotonic(), _hits()
        result = function(*arguments)
        how = "read from the compilation cache" if _hits() > hits else "compiled"
        _log.info("%s: %s in %.1f s", name, how, time.monotonic() - start)
        return result

    return call


def _hits() -> int:
    """Programs that this thread has found in the compilation cache."""
    return getattr(_listening(), "hits", 0)


@cache
def _listening() -> threading.local:
    counts = threading.local()

    def count(event: str, **_: Any) -> None:
        if event == _HIT:
            counts.hits = getattr(counts, "hits", 0) + 1

    jax.monitoring.register_event_listener(count)
    return counts
