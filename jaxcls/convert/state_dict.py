"""PyTorch state dicts <-> Flax variables.

The path of a parameter is its name in the original's checkpoint, so one rule serves every family: a leaf's new name and
layout follow from the kind of its layer.

    convolution      kernel (kh, kw, I, O)   weight (O, I, kh, kw)
    linear           kernel (I, O)           weight (O, I)
    norm             scale, bias (C,)        weight, bias (C,)
    norm statistics  mean, var (C,)          running_mean, running_var (C,)
    anything else    the same name and layout

A linear layer that follows a flattened feature map sees (C, H, W) order in the original; backbones that have one
transpose the map before they flatten it, so that its kernel needs no rule of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

# Buffers: how many batches a BatchNorm has seen, which nothing reads, and what Swin computes from its window's size.
_IGNORED = ("num_batches_tracked", "relative_position_index", "attn_mask")
_STATISTICS = {"mean": "running_mean", "var": "running_var"}


def _leaves(variables: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...], Any]]:
    """(name in the state dict, path, leaf) of every variable."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(variables):
        keys = tuple(key.key for key in path)
        collection, *modules, name = keys
        if collection == "batch_stats":
            name = _STATISTICS.get(name, name)
        elif name in ("kernel", "scale"):
            name = "weight"
        yield ".".join((*modules, name)), keys, leaf


def _layout(path: tuple[str, ...], rank: int, to_flax: bool) -> tuple[int, ...] | None:
    """The transposition of a leaf's axes between the two worlds; None where they agree."""
    if path[-1] != "kernel":
        return None
    if rank == 2:
        return (1, 0)
    # (O, I, *window) <-> (*window, I, O)
    window = rank - 2
    return (*range(2, rank), 1, 0) if to_flax else (rank - 1, rank - 2, *range(window))


def _transposed(value: np.ndarray, axes: tuple[int, ...] | None) -> np.ndarray:
    return value if axes is None else np.ascontiguousarray(value.transpose(axes))


def convert_state_dict(
    classifier: nn.Module, state_dict: Mapping[str, Any], image_shape: tuple[int, int, int]
) -> dict[str, Any]:
    """The Flax variables that a PyTorch state dict holds.

    Position embeddings and relative position tables that are for another size of images or windows are resized.

    Args:
        classifier: an unbound module with `resize_on_load`.
        state_dict: name -> array (NumPy, or what `numpy.asarray` takes), every name of the model once.
        image_shape: (H, W, C) of the images, on which some parameters' shapes depend.

    Returns:
        `{"params": …, "batch_stats": …}` of NumPy arrays.

    Raises:
        ValueError: names that the model lacks, names that the state dict lacks and shapes that differ, all of them.
    """
    images = jax.ShapeDtypeStruct((1, *image_shape), jnp.float32)
    expected = jax.eval_shape(classifier.init, jax.random.key(0), images)
    remaining = {name: value for name, value in state_dict.items() if not name.endswith(_IGNORED)}
    problems, converted = [], {}
    for name, path, leaf in _leaves(expected):
        if name not in remaining:
            problems.append(f"missing {name} {_original_shape(path, leaf)}")
            continue
        value, shape = np.asarray(remaining.pop(name)), _original_shape(path, leaf)
        if value.shape != shape:
            value = classifier.resize_on_load(path[1:], value, shape)  # none of these has another layout here
        if value.shape != shape:
            problems.append(f"{name} has shape {value.shape}, expected {shape}")
            continue
        converted[path] = _transposed(value, _layout(path, value.ndim, to_flax=True)).astype(leaf.dtype)
    problems += [f"unexpected {name} {np.shape(value)}" for name, value in remaining.items()]
    if problems:
        raise ValueError(f"state dict does not fit the model, {len(problems)} problems: " + "; ".join(problems))
    return jax.tree_util.tree_map_with_path(lambda path, _: converted[tuple(key.key for key in path)], dict(expected))


def _original_shape(path: tuple[str, ...], leaf: Any) -> tuple[int, ...]:
    axes = _layout(path, len(leaf.shape), to_flax=False)
    return tuple(leaf.shape) if axes is None else tuple(leaf.shape[axis] for axis in axes)


def export_state_dict(classifier: nn.Module, variables: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The state dict that holds Flax variables: the original's names and layouts, NumPy arrays.

    `convert_state_dict` gives the same variables back, bit for bit.

    Raises:
        ValueError: two variables of one name.
    """
    state_dict: dict[str, np.ndarray] = {}
    for name, path, leaf in _leaves(variables):
        if name in state_dict:
            raise ValueError(f"{name} stands for two variables of {type(classifier).__name__}")
        value = np.asarray(leaf)
        state_dict[name] = _transposed(value, _layout(path, value.ndim, to_flax=False))
    return state_dict
