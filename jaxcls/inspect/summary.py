"""A network layer by layer: shapes, parameters, multiply-adds and activations, from its trace alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax import traverse_util

from jaxcls.multiply_adds import multiply_adds

Path = tuple[str, ...]


@dataclass
class Layer:
    """A module that is called, with all that lies in it.

    Attributes:
        path: its name in the network; () is the network.
        kind: its class.
        output: the shapes of what its last call gives, N = 1.
        params: how many parameters.
        trainable: how many of them are trained.
        buffers: how many running statistics.
        multiply_adds: of convolutions and matrix products, for one image; sums, norms and pooling do not count.
        activations: bytes of the outputs of its layers that hold no others, for one image.
    """

    path: Path
    kind: str
    output: tuple[tuple[int, ...], ...] = ()
    params: int = 0
    trainable: int = 0
    buffers: int = 0
    multiply_adds: int = 0
    activations: int = 0


def summarize(classifier: nn.Module, image_shape: tuple[int, ...], dtype: Any = jnp.float32) -> list[Layer]:
    """All modules in the order of their first call, the network first.

    Nothing is computed: the network is traced with shapes.

    Args:
        classifier: an unbound module.
        image_shape: (H, W, C).
        dtype: of the images and the parameters.

    Raises:
        UserError: the network does not take such images.
    """
    images = jax.ShapeDtypeStruct((1, *image_shape), dtype)
    variables = jax.eval_shape(classifier.init, jax.random.key(0), images)
    variables = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, dtype), variables)
    calls = _Calls()

    def forward(variables: Any, images: Any) -> Any:
        with nn.intercept_methods(calls.note):
            return classifier.apply(variables, images)

    counts = multiply_adds(jax.make_jaxpr(forward)(variables, images).jaxpr)
    layers = {layer.path: layer for layer in _with_parents(calls.layers)}
    for number, count in counts.items():
        for layer in _around(layers, calls.paths.get(number, ())):
            layer.multiply_adds += count
    for path in calls.layers:
        if not _has_children(path, calls.layers):
            for layer in _around(layers, path):
                layer.activations += calls.sizes[path]
    _count_parameters(layers, variables, getattr(classifier, "is_frozen", lambda path: False))
    return list(layers.values())


class _Calls:
    """The modules that are called, each call in a scope of its own, by its number."""

    def __init__(self) -> None:
        self.layers: dict[Path, Layer] = {}
        self.paths: dict[int, Path] = {}
        self.sizes: dict[Path, int] = {}  # bytes of the outputs of all calls

    def note(self, call: Callable[..., Any], args: Any, kwargs: Any, context: nn.module.InterceptorContext) -> Any:
        if context.method_name != "__call__":
            return call(*args, **kwargs)
        path, number = context.module.path, len(self.paths) + 1
        self.paths[number] = path
        layer = self.layers.setdefault(path, Layer(path, type(context.module).__name__))
        with jax.named_scope(f"<{number}>"):
            output = call(*args, **kwargs)
        if args and output is args[0]:  # dropout, which does nothing here
            del self.layers[path]
            return output
        arrays = [leaf for leaf in jax.tree.leaves(output) if isinstance(leaf, jax.Array)]
        layer.output = tuple(array.shape for array in arrays)
        self.sizes[path] = self.sizes.get(path, 0) + sum(array.size * array.dtype.itemsize for array in arrays)
        return output


def _with_parents(layers: Mapping[Path, Layer]) -> Iterator[Layer]:
    """The layers, and those that are not called themselves but hold some that are."""
    paths = dict.fromkeys(path[:depth] for path in layers for depth in range(len(path) + 1))
    yield from (layers.get(path) or Layer(path, "") for path in paths)


def _around(layers: Mapping[Path, Layer], path: Path) -> Iterator[Layer]:
    """The layer at a path, and all that it lies in."""
    return (layers[path[:depth]] for depth in range(len(path) + 1) if path[:depth] in layers)


def _has_children(path: Path, layers: Mapping[Path, Layer]) -> bool:
    return any(len(other) > len(path) and other[: len(path)] == path for other in layers)


def _count_parameters(
    layers: Mapping[Path, Layer], variables: Mapping[str, Any], is_frozen: Callable[[Path], bool]
) -> None:
    for (collection, *path), leaf in traverse_util.flatten_dict(variables).items():
        size = math.prod(leaf.shape)
        for layer in _around(layers, tuple(path)):
            if collection == "params":
                layer.params += size
                layer.trainable += 0 if is_frozen(tuple(path)) else size
            else:
                layer.buffers += size
