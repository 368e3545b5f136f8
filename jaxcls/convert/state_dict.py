"""PyTorch state dicts <-> Flax variables.

The path of a parameter is its name in the original's checkpoint, so one rule serves every family: a leaf's new name and
layout follow from the kind of its layer.

    convolution      kernel (kh, kw, I, O)   weight (O, I, kh, kw)
    linear           kernel (I, O)           weight (O, I)
    norm             scale, bias (C,)        weight, bias (C,)
    norm statistics  mean, var (C,)          running_mean, running_var (C,)
    factors of heads head_scale (heads, 1, 1) scale (heads, 1, 1)
    anything else    the same name and layout

A linear layer that follows a flattened feature map sees (C, H, W) order in the original; backbones that have one
transpose the map before they flatten it, so that its kernel needs no rule of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxcls.convert.readers import Tensor
from jaxcls.convert.recognise import rename
from jaxcls.errors import UserError

_COMPUTED = "it is computed for img_size, which has to be the size that the weights are for; images may have another"
_STATISTICS = {"mean": "running_mean", "var": "running_var"}
_NAMES = {"kernel": "weight", "scale": "weight", "head_scale": "scale"}


def original_name(path: tuple[str, ...]) -> str:
    """A parameter's name in the original's checkpoint, from its path in `params`."""
    *modules, leaf = path
    return ".".join((*modules, _NAMES.get(leaf, leaf)))


def _leaves(variables: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...], Any]]:
    """(name in the state dict, path, leaf) of every variable."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(variables):
        keys = tuple(key.key for key in path)
        collection, *modules, name = keys
        if collection == "batch_stats":
            yield ".".join((*modules, _STATISTICS.get(name, name))), keys, leaf
        else:
            yield original_name((*modules, name)), keys, leaf


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

    Its names may be the original's or those of another source that `jaxcls.convert.names` knows for this backbone.
    Position embeddings and relative position tables that are for another size of images or windows are resized.

    Args:
        classifier: an unbound module with `resize_on_load`.
        state_dict: name -> array (NumPy, or what `numpy.asarray` takes), every name of the model once.
        image_shape: (H, W, C) of the images, on which some parameters' shapes depend.

    Returns:
        `{"params": …, "batch_stats": …}` of NumPy arrays; and `buffers`, where the state dict has tables that the
        backbone would compute.

    Raises:
        UserError: names that the model lacks, names that the state dict lacks and shapes that differ, all of them.
    """
    images = jax.ShapeDtypeStruct((1, *image_shape), jnp.float32)
    return fit_state_dict(classifier, state_dict, jax.eval_shape(classifier.init, jax.random.key(0), images))[1]


def fit_state_dict(
    classifier: nn.Module, state_dict: Mapping[str, Any], expected: Mapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    """Whose names a state dict has, and what it holds in the structure of `expected`, and perhaps `buffers`.

    Raises:
        UserError: as `convert_state_dict`.
    """
    source, found, misfits, buffers = read_state_dict(classifier, state_dict, expected)
    problems, wanted = list(misfits.values()), {path: (name, leaf) for name, path, leaf in _leaves(expected)}
    for path, (name, leaf) in wanted.items():
        if path not in found and name not in misfits:
            problems.append(f"missing {name} {_original_shape(path, leaf)}")
        elif path in found and found[path].shape != leaf.shape:
            shape = _original_shape(path, found[path])
            problems.append(f"{name} has shape {shape}, expected {_original_shape(path, leaf)}")
    unknown = {".".join(path[1:]): value for path, value in found.items() if path not in wanted}
    problems += [f"unexpected {name} {tuple(np.shape(value))}" for name, value in unknown.items()]
    if problems:
        raise UserError(
            f"state dict ({source}) does not fit the model, {len(problems)} problems: {'; '.join(problems)}"
        )
    filled = jax.tree_util.tree_map_with_path(lambda path, _: found[tuple(key.key for key in path)], dict(expected))
    return source, {**filled, "buffers": {"backbone": buffers}} if buffers else filled


class Read(NamedTuple):
    """What a state dict holds.

    Attributes:
        source: whose names it has.
        values: path in the variables -> array, in Flax's layout and the variables' dtypes. What the classifier does
            not know has the path ("params", first part of its name, rest), and is as it was given.
        misfits: name -> why its values can be none of the classifier's.
        buffers: name below the backbone -> array, of what that computes itself where a state dict has none of it.
    """

    source: str
    values: dict[tuple[str, ...], Any]
    misfits: dict[str, str]
    buffers: dict[str, np.ndarray]


def read_state_dict(
    classifier: nn.Module, state_dict: Mapping[str, Any], variables: Mapping[str, Any], part: str = "backbone"
) -> Read:
    """What a state dict holds by the paths of Flax variables; whether it fits is not asked.

    Args:
        classifier: whose names are looked for; it resizes what is for images or windows of another size.
        state_dict: as `convert_state_dict` takes it.
        variables: the classifier's, or their shapes.
        part: what the state dict may be of, alone.
    """
    wanted = {name: (path, leaf) for name, path, leaf in _leaves(variables)}
    shapes = {name: _original_shape(path, leaf) for name, (path, leaf) in wanted.items()}
    renamed = rename(classifier, state_dict, shapes, part)
    found, misfits = dict[tuple[str, ...], Any](), {problem: problem for problem in renamed.problems}
    computed: Mapping[str, Any] = getattr(getattr(classifier, "backbone", None), "computed", {})
    buffers: dict[str, np.ndarray] = {}
    for name, value in renamed.values.items():
        if (buffer := name.removeprefix("backbone.")) in computed:
            if computed[buffer] is None:
                buffers[buffer] = np.asarray(value)
            elif np.shape(value) != computed[buffer]:
                misfits[name] = f"{name} has shape {np.shape(value)}, expected {computed[buffer]}: {_COMPUTED}"
            continue
        if name not in wanted:
            first, _, rest = name.partition(".")
            found["params", first, *filter(None, (rest,))] = value
            continue
        path, leaf = wanted[name]
        try:
            found[path] = _read(classifier, path, value, leaf)
        except _UnfitError as error:
            misfits[name] = f"{name} {error}"
    return Read(renamed.source, found, misfits, buffers)


class _UnfitError(Exception):
    """Values that are none of a parameter's."""


def _read(classifier: nn.Module, path: tuple[str, ...], value: Any, leaf: Any) -> np.ndarray:
    """A parameter's values in Flax's layout, resized where the classifier can."""
    value = value if hasattr(value, "dtype") else np.asarray(value)
    if not jnp.issubdtype(value.dtype, jnp.floating):
        raise _UnfitError(f"is {value.dtype}, expected floating-point numbers")
    shape = tuple(value.shape)
    axes, expected = _layout(path, len(leaf.shape), to_flax=False), _original_shape(path, leaf)
    if isinstance(value, Tensor) and shape == expected:  # never twice in memory
        found = np.empty(leaf.shape, leaf.dtype)
        value.copy_into(found if axes is None else found.transpose(axes))
        return found
    try:
        value = np.asarray(value)
    except UserError:
        raise
    except ValueError as error:
        raise _UnfitError(f"cannot be made of what is there ({error})") from error
    if shape != expected:
        value = value.reshape(expected) if _is_same(shape, expected) else value
        value = classifier.resize_on_load(path[1:], value, expected)  # none of these has another layout here
    if value.ndim != len(expected):
        raise _UnfitError(f"has shape {shape}, expected {expected}")
    return _transposed(value, _layout(path, value.ndim, to_flax=True)).astype(leaf.dtype)


def _is_same(shape: tuple[int, ...], expected: tuple[int, ...]) -> bool:
    """Whether only 1s at the end differ: linear layers and 1x1 convolutions, factors (C,) and (C, 1, 1)."""
    short, long = sorted((shape, expected), key=len)
    return long == short + (1,) * (len(long) - len(short))


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
