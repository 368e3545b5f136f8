"""Compilation that costs tests half as much; what it makes runs slower, and rounds as ever."""

from __future__ import annotations

from collections.abc import Callable

import jax

CHEAP = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def quick_jit(function: Callable) -> Callable:
    """`jax.jit`, cheap to compile."""
    return jax.jit(function, compiler_options=CHEAP)
