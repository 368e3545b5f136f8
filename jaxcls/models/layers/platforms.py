"""Which form of a computation a program takes: that of the device that it runs on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import jax

_leaving: ContextVar[bool] = ContextVar("leaving", default=False)


def platform_dependent(*operands: Any, default: Callable[..., Any], **forms: Callable[..., Any]) -> Any:
    """As `jax.lax.platform_dependent`; inside `leaving_jax` the default alone is traced."""
    return default(*operands) if leaves_jax() else jax.lax.platform_dependent(*operands, default=default, **forms)


def leaves_jax() -> bool:
    """Whether what is traced is for another runtime, whose converters know the plainest forms alone."""
    return _leaving.get()


@contextmanager
def leaving_jax() -> Iterator[None]:
    """What is traced inside is for another runtime."""
    token = _leaving.set(True)
    try:
        yield
    finally:
        _leaving.reset(token)
