"""Weights of a checkpoint in a classifier."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from flax import linen as nn
from flax import traverse_util

from jaxcls.engine.checkpoints.storage import fit, locate, restore_checkpoint
from jaxcls.engine.log import get_logger
from jaxcls.engine.step.train_state import evaluated
from jaxcls.errors import UserError

Variables = dict[str, Any]


def read_variables(folder: Path) -> tuple[Variables, Variables]:
    """(averaged, raw) variables of a checkpoint folder; the same where the run kept no averages."""
    arrays, _ = restore_checkpoint(folder)
    raw = {name: arrays.get(name, {}) for name in ("params", "batch_stats")}
    return evaluated(raw, arrays.get("ema_params"), arrays.get("ema_batch_stats")), raw


def load_variables(template: Mapping[str, Any], folder: Path) -> tuple[Variables, Variables]:
    """As `read_variables`, in the structure of `template`.

    Raises:
        UserError: the checkpoint is of another model.
    """
    template = {"params": template["params"], "batch_stats": template.get("batch_stats", {})}
    averaged, raw = (fit(template, variables, f"checkpoint {folder}") for variables in read_variables(folder))
    return averaged, raw


def load_for_tuning(classifier: nn.Module, variables: Mapping[str, Any], path: str, part: str = "head") -> Variables:
    """The variables with the weights of another run in their place.

    Args:
        classifier: whose they are; it resizes what is for images or windows of another size.
        variables: `params` and `batch_stats` of the classifier.
        path: a work directory (its best checkpoint, else its newest) or one checkpoint. Averaged weights are taken
            where there are such.
        part: what may differ: its parameters that are not there, or of another shape, keep their values, and the log
            says so.

    Raises:
        UserError: other parameters are missing or differ.
    """
    _, folder = locate(path)
    given = traverse_util.flatten_dict(read_variables(folder)[0])
    wanted = traverse_util.flatten_dict({"params": variables["params"], "batch_stats": variables["batch_stats"]})
    resized = _resize(classifier, given, wanted)
    differing = sorted(key for key in wanted if key not in given or given[key].shape != wanted[key].shape)
    skipped = [key for key in differing if key[1] == part]
    fitting = {key: value for key, value in given.items() if key in wanted or key[1] != part}
    merged = {**fitting, **{key: np.asarray(wanted[key]) for key in skipped}}
    loaded = fit(traverse_util.unflatten_dict(wanted), traverse_util.unflatten_dict(merged), f"checkpoint {folder}")
    names = ", ".join(_describe(key, given, wanted) for key in skipped)
    notes = (f"; resized: {', '.join(resized)}" if resized else "", f"; left as initialised: {names}" if names else "")
    get_logger().info("loaded the weights of %s%s%s", folder, *notes)
    return loaded


def _resize(classifier: nn.Module, given: dict[Any, Any], wanted: Mapping[Any, Any]) -> list[str]:
    """Replaces what `classifier` can bring into the wanted shape, by paths, and names it."""
    resized = []
    for key in sorted(given.keys() & wanted.keys()):
        before, shape = given[key].shape, wanted[key].shape
        if before != shape:
            given[key] = classifier.resize_on_load(key[1:], given[key], shape)
            if given[key].shape == shape:
                resized.append(f"{'.'.join(key[1:])} ({before} there, {shape} here)")
    return resized


def load_pretrained(classifier: nn.Module, model: Mapping[str, Any], variables: Mapping[str, Any]) -> Variables:
    """The variables with what `init_cfg=dict(type="Pretrained", checkpoint=…, prefix=…)` asks for.

    In the model's own `init_cfg` it speaks of the whole, in the backbone's, neck's or head's of that part; `prefix` is
    the part's name in the checkpoint.

    Args:
        classifier: it resizes what is for images or windows of another size.
        model: its config.
        variables: as initialised.

    Raises:
        UserError: a parameter that the checkpoint lacks, or has in another shape.
    """
    for part in ("", "backbone", "neck", "head"):
        node = model.get(part) if part else model
        entries = (node or {}).get("init_cfg") or ()
        for entry in (entries,) if isinstance(entries, Mapping) else entries:
            if entry["type"] == "Pretrained":
                variables = _with_part(classifier, variables, part, **{k: v for k, v in entry.items() if k != "type"})
    return dict(variables)


def _with_part(
    classifier: nn.Module, variables: Mapping[str, Any], part: str, checkpoint: str, prefix: str | None = None
) -> Variables:
    _, folder = locate(checkpoint)
    there = traverse_util.flatten_dict(read_variables(folder)[0])
    named = {(key[0], ".".join(key[1:])): value for key, value in there.items()}
    merged, problems, start = traverse_util.flatten_dict(dict(variables)), [], len(part.split())
    for key in [key for key in merged if not part or key[1] == part]:
        name = ".".join(((prefix,) if prefix else ()) + key[1 + start :])
        value = named.get((key[0], name))
        if value is not None and value.shape != merged[key].shape:
            value = classifier.resize_on_load(key[1:], value, merged[key].shape)
        if value is None:
            problems.append(f"it lacks {name}")
        elif value.shape != merged[key].shape:
            problems.append(f"{name} is {value.shape}, expected {merged[key].shape}")
        else:
            merged[key] = value
    if problems:
        where = f"model.{part}.init_cfg" if part else "model.init_cfg"
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise UserError(f"{where}: checkpoint {folder} with prefix={prefix!r}: {'; '.join(problems[:3])}{more}")
    return traverse_util.unflatten_dict(merged)


def _describe(key: tuple[str, ...], given: Mapping[Any, Any], wanted: Mapping[Any, Any]) -> str:
    there = f"{given[key].shape} there" if key in given else "not there"
    return f"{'.'.join(key[1:])} ({there}, {wanted[key].shape} here)"
