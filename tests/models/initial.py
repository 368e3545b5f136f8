"""Initial values without the compilation of random numbers, which takes most of an initialisation's time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import jax
import numpy as np
from flax import linen as nn
from flax import traverse_util
from flax.core.scope import Scope
from jax._src import random as jax_random
from scipy.stats import truncnorm


def initial(module: nn.Module, inputs: Any, seed: int = 0) -> dict[str, Any]:
    """A module's variables as it initialises them, with NumPy's draws in place of JAX's; running variances are 1."""
    rng, values = np.random.default_rng(seed), {}
    param = Scope.param

    def noting(scope: Scope, name: str, init: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        path = ("params", *scope.path, name)
        if path not in values and scope.is_mutable_collection("params"):
            with jax.ensure_compile_time_eval():
                values[path] = np.asarray(init(jax.random.key(0), *arguments))
        return param(scope, name, init, *arguments, **options)

    with mock.patch.object(Scope, "param", noting), _drawn_by(rng):
        shapes = jax.eval_shape(module.init, jax.random.key(0), inputs)
    flat = traverse_util.flatten_dict(dict(shapes))
    drawn = {path: values.get(path, np.full(leaf.shape, path[-1] == "var", np.float32)) for path, leaf in flat.items()}
    return traverse_util.unflatten_dict(drawn)


@contextmanager
def _drawn_by(rng: np.random.Generator) -> Iterator[None]:
    def normal(key: Any, shape: Any = (), dtype: Any = None, **options: Any) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    def uniform(
        key: Any, shape: Any = (), dtype: Any = None, minval: Any = 0.0, maxval: Any = 1.0, **options: Any
    ) -> np.ndarray:
        values = rng.uniform(minval, maxval, shape).astype(np.float32)
        return np.minimum(values, np.nextafter(np.float32(maxval), np.float32(minval)))  # rounded, `maxval` is reached

    def truncated_normal(
        key: Any, lower: Any, upper: Any, shape: Any = (), dtype: Any = None, **options: Any
    ) -> np.ndarray:
        return truncnorm.rvs(lower, upper, size=shape, random_state=rng).astype(np.float32)

    draws = {"normal": normal, "uniform": uniform, "truncated_normal": truncated_normal}
    with mock.patch.multiple(jax.random, **draws), mock.patch.multiple(jax_random, **draws):
        yield
