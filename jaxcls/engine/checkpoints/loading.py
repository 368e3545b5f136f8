"""The weights that a path stands for: a run's checkpoint, or a file of the original's, torchvision's, timm's, …"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax import traverse_util

from jaxcls.convert.fetch import local
from jaxcls.convert.state_dict import fit_state_dict, read_state_dict
from jaxcls.convert.wrappers import read_weights
from jaxcls.engine.checkpoints.storage import locate, read_meta, restore_checkpoint, restore_into
from jaxcls.engine.log import get_logger
from jaxcls.engine.step.train_state import evaluated
from jaxcls.errors import UserError, close_names

Variables = dict[str, Any]
Keys = tuple[str, ...]


class Found(NamedTuple):
    """Weights, whether they fit or not.

    Attributes:
        what: what they are of, for messages.
        values: path in the variables -> array; what the classifier does not know keeps its name.
    """

    what: str
    values: dict[Keys, Any]


def read_variables(folder: Path) -> tuple[Variables, Variables]:
    """(averaged, raw) variables of a checkpoint folder; the same where the run kept no averages."""
    arrays, _ = restore_checkpoint(folder)
    raw = {name: arrays.get(name, {}) for name in ("params", "batch_stats")}
    return evaluated(raw, arrays.get("ema_params"), arrays.get("ema_batch_stats")), raw


def load_variables(
    classifier: nn.Module, template: Mapping[str, Any], path: str | os.PathLike
) -> tuple[Variables, Variables]:
    """(averaged, raw) variables in the structure of `template`; the same where there are no averages.

    Args:
        classifier: it resizes what is for images or windows of another size.
        template: its variables, or their shapes.
        path: a work directory (its best checkpoint, else its newest), one checkpoint, or a file of weights.

    Raises:
        UserError: the weights are of another model.
    """
    template = {"params": template["params"], "batch_stats": template.get("batch_stats", {})}
    if is_file(path):
        variables = _load_file(classifier, template, local(path))
        return variables, variables
    folder = _folder(path)
    averaged, raw = (
        restore_into(template, _resized(classifier, template, variables), f"checkpoint {folder}")
        for variables in read_variables(folder)
    )
    return averaged, raw


def choose(averaged: Variables, raw: Variables, weights: str | None, checkpoint: str) -> Variables:
    """The averaged or the raw variables.

    Args:
        averaged: as `load_variables` gives them.
        raw: as well.
        weights: `ema`, `raw`; None: the averages where there are such.
        checkpoint: whose they are, for messages.

    Raises:
        UserError: `ema` without averages, or another word.
    """
    if weights not in (None, "ema", "raw"):
        raise UserError(f"weights={weights!r}: expected 'ema' or 'raw'")
    if weights == "ema" and jax.tree.all(jax.tree.map(np.array_equal, averaged, raw)):
        raise UserError(f"weights='ema': {checkpoint} holds no averaged weights")
    return raw if weights == "raw" else averaged


def load_checkpoint(classifier: nn.Module, path: str | os.PathLike, image_shape: tuple[int, int, int]) -> Variables:
    """The variables of a classifier with the weights that a path stands for.

    Args:
        classifier: an unbound module, as `jaxcls.build_classifier` gives it.
        path: a work directory (its best checkpoint, else its newest; averaged weights where there are such), one
            checkpoint, or a file of weights or its address (http://, https://, hf://org/repo): .pth, .pt, .safetensors,
            .npz or a sharded index, with the names of MMClassification, mmpretrain, torchvision, timm, transformers
            or google's archives.
        image_shape: (H, W, C) of the images, on which some parameters' shapes depend.

    Returns:
        what `classifier.init` gives, as NumPy arrays.

    Raises:
        UserError: it cannot be read, or does not fit; all that is missing, unknown or of another shape is named.
    """
    images = jax.ShapeDtypeStruct((1, *image_shape), jnp.float32)
    template = jax.eval_shape(classifier.init, jax.random.key(0), images)
    loaded, _ = load_variables(classifier, template, path)
    return {collection: loaded[collection] for collection in template}


def read_notes(path: str | os.PathLike) -> dict[str, Any]:
    """What stands beside the weights that a path stands for; of a run `classes` (their names), `image_shape` and more.

    Of a file it is `original_classes`, where it names them.

    Raises:
        UserError: it cannot be read.
    """
    if not is_file(path):
        return read_meta(_folder(path))
    meta = read_weights(local(path)).meta
    newer = meta.get("dataset_meta")  # mmpretrain's
    classes = newer.get("classes") if isinstance(newer, dict) else meta.get("CLASSES")
    named = isinstance(classes, list | tuple) and all(isinstance(name, str) for name in classes)
    return {"original_classes": list(classes)} if classes and named else {}


def _folder(path: str | os.PathLike) -> Path:
    """The checkpoint's."""
    if not local(path).exists():
        raise UserError(f"{path} does not exist; expected a work directory, a checkpoint in it or a file of weights")
    return locate(path)[1]


def is_file(path: str | os.PathLike) -> bool:
    """Whether a path is that of a file, not of a work directory or a checkpoint in one."""
    return local(path).exists() and not local(path).is_dir()


def config_beside(path: str | os.PathLike) -> str | None:
    """The config of the run whose checkpoint a path stands for; None for a file, which has none."""
    return None if is_file(path) else str(_folder(path).parent.parent / "config.json")


def _load_file(classifier: nn.Module, template: Mapping[str, Any], path: Path) -> Variables:
    weights = read_weights(path)
    try:
        source, variables = fit_state_dict(classifier, weights.state_dict, template)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    get_logger().info("loaded the weights of %s: %s%s", path, source, weights.where)
    return {name: variables[name] for name in template}


def read_by_path(
    classifier: nn.Module,
    template: Mapping[str, Any],
    path: str | os.PathLike,
    part: str = "",
    prefix: str | None = None,
) -> Found:
    """Weights that need not fit.

    Args:
        classifier: it resizes what is for images or windows of another size.
        template: its variables, or their shapes.
        path: as `load_checkpoint` takes it.
        part: `backbone`, `neck` or `head`, where the weights may be of it alone.
        prefix: take only the names that begin so, without it.
    """
    if is_file(path):
        weights = read_weights(local(path))
        chosen = _after(prefix, weights.state_dict, str(path))
        source, values, misfits, _ = read_state_dict(classifier, chosen, template, part or "backbone")
        what = f"{local(path)} ({source}{weights.where})"
        if misfits:
            raise UserError(f"{what}: {len(misfits)} problems: {'; '.join(misfits.values())}")
        return Found(what, values)
    folder = _folder(path)
    what, flat = f"checkpoint {folder}", traverse_util.flatten_dict(read_variables(folder)[0])
    if prefix:
        paths = {(key[0], ".".join(key[1:])): key for key in traverse_util.flatten_dict(dict(template))}
        named = {".".join(key[1:]): key for key in flat}
        chosen = _after(prefix, named, what)
        there = {(key[0], f"{part}.{name}" if part else name): flat[key] for name, key in chosen.items()}
        flat = {paths.get(key, key): value for key, value in there.items()}
    return Found(what, flat)


def _after(prefix: str | None, named: Mapping[str, Any], what: str) -> dict[str, Any]:
    """What begins with the prefix, without it."""
    start = f"{prefix.rstrip('.')}." if prefix else ""
    chosen = {name.removeprefix(start): value for name, value in named.items() if name.startswith(start)}
    if not chosen:
        beginnings = {name.partition(".")[0] for name in named}
        raise UserError(f"{what} has no name after prefix={prefix!r}; {close_names(prefix or '', beginnings)}")
    return chosen


def resize(classifier: nn.Module, given: dict[Keys, Any], wanted: Mapping[Keys, Any]) -> list[str]:
    """Replaces what `classifier` can bring into the wanted shape, by paths, and names it."""
    resized = []
    for key in sorted(given.keys() & wanted.keys()):
        before, shape = given[key].shape, wanted[key].shape
        if before != shape:
            given[key] = classifier.resize_on_load(key[1:], given[key], shape)
            if given[key].shape == shape:
                resized.append(f"{'.'.join(key[1:])} ({before} there, {shape} here)")
    return resized


def _resized(classifier: nn.Module, template: Mapping[str, Any], variables: Mapping[str, Any]) -> Variables:
    flat = traverse_util.flatten_dict(dict(variables))
    resize(classifier, flat, traverse_util.flatten_dict(dict(template)))
    return traverse_util.unflatten_dict(flat)
