"""Multiply-adds of a traced program."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from jax.extend import core

_SCOPE = re.compile(r"<(\d+)>")


def multiply_adds(jaxpr: core.Jaxpr) -> dict[int, int]:
    """Multiply-adds of convolutions and matrix products, by the number of the innermost scope `<number>` around them.

    What depends on the platform is counted in its general form. A loop whose length is not known counts once.

    Args:
        jaxpr: of the program; 0 stands for what is in no such scope.
    """
    counts: Counter[int] = Counter()
    for number, count in _counts(jaxpr, 0, 1):
        counts[number] += count
    return dict(counts)


def _counts(jaxpr: core.Jaxpr, scope: int, times: int) -> Iterator[tuple[int, int]]:
    for equation in jaxpr.eqns:
        found = _SCOPE.findall(str(equation.source_info.name_stack))
        inner, name = int(found[-1]) if found else scope, equation.primitive.name
        if name == "dot_general":
            yield inner, times * _of_product(equation)
        elif name == "conv_general_dilated":
            yield inner, times * _of_convolution(equation)
        else:
            repeated = times * equation.params.get("length", 1) if name == "scan" else times
            for program in _programs(equation):
                yield from _counts(program, inner, repeated)


def _programs(equation: Any) -> list[core.Jaxpr]:
    """The programs within an equation: of several branches one."""
    params = equation.params
    if equation.primitive.name == "cond":
        platforms = params.get("branches_platforms") or ()
        general = platforms.index(None) if None in platforms else -1
        return [params["branches"][general].jaxpr]
    found = [value for value in params.values() if isinstance(value, core.Jaxpr | core.ClosedJaxpr)]
    return [value.jaxpr if isinstance(value, core.ClosedJaxpr) else value for value in found]


def _of_product(equation: Any) -> int:
    (contracted, _), _ = equation.params["dimension_numbers"]
    shape = equation.invars[0].aval.shape
    return math.prod(equation.outvars[0].aval.shape) * math.prod(shape[axis] for axis in contracted)


def _of_convolution(equation: Any) -> int:
    kernel, numbers = equation.invars[1].aval.shape, equation.params["dimension_numbers"]
    outputs = kernel[numbers.rhs_spec[0]]  # the rest of the kernel is what each output sees
    return math.prod(equation.outvars[0].aval.shape) * math.prod(kernel) // outputs
