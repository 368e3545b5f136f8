"""Which form of a computation a program takes, by the device that it runs on; what is alike is traced once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar, cast

import jax

T = TypeVar("T")

_leaving: ContextVar[bool] = ContextVar("leaving", default=False)


def platform_dependent(*operands: Any, default: Callable[..., Any], **forms: Callable[..., Any]) -> Any:
    """As `jax.lax.platform_dependent`; inside `leaving_jax` the default alone is traced."""
    return default(*operands) if leaves_jax() else jax.lax.platform_dependent(*operands, default=default, **forms)


def traced_once(function: Callable[..., T], *arrays: jax.Array, statics: tuple[Hashable, ...] = ()) -> T:
    """`function(*arrays, *statics)`; layers that are alike share one trace of it (ConvNeXt-T: 1.4 in place of 4 s)."""
    if leaves_jax():
        return function(*arrays, *statics)
    positions = tuple(range(len(arrays), len(arrays) + len(statics)))
    return cast(T, jax.jit(function, static_argnums=positions)(*arrays, *statics))


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
