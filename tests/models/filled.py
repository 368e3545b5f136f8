"""Values for a module's variables without the compilation of its initialisers."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from flax import linen as nn


def filled(module: nn.Module, inputs: Any, seed: int = 1) -> dict[str, Any]:
    """Variables of a trained network's order, none of them zero, so that each matters and gradients reach all."""
    return values(jax.eval_shape(module.init, jax.random.key(0), inputs), seed)


def values(shapes: Any, seed: int = 1) -> dict[str, Any]:
    """As `filled`, by the shapes of the variables."""
    rng = np.random.default_rng(seed)

    def value(path: Any, leaf: Any) -> np.ndarray:
        noise, name = rng.standard_normal(leaf.shape).astype(np.float32), path[-1].key
        if name in ("scale", "var"):
            return 1.0 + 0.3 * np.abs(noise)
        return noise / np.sqrt(np.prod(leaf.shape[:-1]), dtype=np.float32) if name == "kernel" else 0.3 * noise

    return jax.tree_util.tree_map_with_path(value, dict(shapes))


def parameters(module: nn.Module, inputs: Any) -> dict[str, Any]:
    """As `filled`, the parameters alone."""
    return filled(module, inputs)["params"]
