"""Which form of a computation a program takes: that of the device that it runs on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import jax

_default_alone: ContextVar[bool] = ContextVar("default_alone", default=False)


def platform_dependent(*operands: Any, default: Callable[..., Any], **forms: Callable[..., Any]) -> Any:
    """As `jax.lax.platform_dependent`; inside `default_forms` the default alone is traced."""
    return (
        default(*operands) if _default_alone.get() else jax.lax.platform_dependent(*operands, default=default, **forms)
    )


@contextmanager
def default_forms() -> Iterator[None]:
    """For programs that leave JAX: what is traced inside holds no choice of a platform."""
    token = _default_alone.set(True)
    try:
        yield
    finally:
        _default_alone.reset(token)
