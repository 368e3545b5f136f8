"""Weights of a checkpoint in a classifier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from flax import linen as nn
from flax import traverse_util

from jaxcls.engine.checkpoints.loading import read_by_path, resize
from jaxcls.engine.checkpoints.storage import restore_into
from jaxcls.engine.log import get_logger
from jaxcls.errors import UserError

Variables = dict[str, Any]


def load_for_tuning(classifier: nn.Module, variables: Mapping[str, Any], path: str, part: str = "head") -> Variables:
    """The variables with the weights of another run in their place.

    Args:
        classifier: whose they are; it resizes what is for images or windows of another size.
        variables: `params` and `batch_stats` of the classifier.
        path: as `load_checkpoint` takes it. Averaged weights are taken where there are such.
        part: what may differ: its parameters that are not there, or of another shape, keep their values, and the log
            says so.

    Raises:
        UserError: other parameters are missing or differ.
    """
    template = {"params": variables["params"], "batch_stats": variables["batch_stats"]}
    what, given = read_by_path(classifier, template, path)
    wanted = traverse_util.flatten_dict(template)
    resized = resize(classifier, given, wanted)
    differing = sorted(key for key in wanted if key not in given or given[key].shape != wanted[key].shape)
    skipped = [key for key in differing if key[1] == part]
    fitting = {key: value for key, value in given.items() if key in wanted or key[1] != part}
    merged = {**fitting, **{key: np.asarray(wanted[key]) for key in skipped}}
    loaded = restore_into(traverse_util.unflatten_dict(wanted), traverse_util.unflatten_dict(merged), what)
    names = ", ".join(_describe(key, given, wanted) for key in skipped)
    notes = (f"; resized: {', '.join(resized)}" if resized else "", f"; left as initialised: {names}" if names else "")
    get_logger().info("loaded the weights of %s%s%s", what, *notes)
    return loaded


def load_pretrained(classifier: nn.Module, model: Mapping[str, Any], variables: Mapping[str, Any]) -> Variables:
    """The variables with what `init_cfg=dict(type="Pretrained", checkpoint=…, prefix=…)` asks for.

    In the model's own `init_cfg` it speaks of the whole, in the backbone's, a neck's or the head's of that part;
    `prefix` is the part's name in the checkpoint.

    Args:
        classifier: it resizes what is for images or windows of another size.
        model: its config.
        variables: as initialised.

    Raises:
        UserError: a parameter that the checkpoint lacks, or has in another shape.
    """
    for part, node in _parts(model):
        entries = node.get("init_cfg") or ()
        for entry in (entries,) if isinstance(entries, Mapping) else entries:
            if entry["type"] == "Pretrained":
                variables = _with_part(classifier, variables, part, **{k: v for k, v in entry.items() if k != "type"})
    return dict(variables)


def _parts(model: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The name among the variables and the config of the whole (no name) and of each part (`neck.1` of several)."""
    yield "", model
    for part in ("backbone", "neck", "head"):
        node = model.get(part) or {}
        if isinstance(node, Mapping):
            yield part, node
        else:
            yield from ((f"{part}.{i}", each) for i, each in enumerate(node))


def _with_part(
    classifier: nn.Module,
    variables: Mapping[str, Any],
    part: str,
    checkpoint: str,
    prefix: str | None = None,
    map_location: Any = None,  # the original's; there is nothing to place here
) -> Variables:
    where = f"model.{part}.init_cfg" if part else "model.init_cfg"
    try:
        what, given = read_by_path(classifier, variables, checkpoint, part, prefix)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    merged = traverse_util.flatten_dict(dict(variables))
    wanted = {key: value for key, value in merged.items() if _is_of(part, key)}
    resize(classifier, given, wanted)
    problems = [f"it lacks {'.'.join(key[1:])}" for key in wanted if key not in given]
    others = {"backbone", "neck", "head"} - {part.partition(".")[0]} if part else set()
    problems += [
        f"it has {'.'.join(key[1:])}, unknown here" for key in given if not (key in merged or key[1] in others)
    ]
    problems += [
        f"{'.'.join(key[1:])} is {given[key].shape}, expected {value.shape}"
        for key, value in wanted.items()
        if key in given and given[key].shape != value.shape
    ]
    if problems:
        raise UserError(f"{where}: {what} with prefix={prefix!r}, {len(problems)} problems: {'; '.join(problems)}")
    merged.update({key: given[key] for key in wanted})
    get_logger().info("%s starts with the weights of %s", part or "model", what)
    return traverse_util.unflatten_dict(merged)


def _is_of(part: str, key: tuple[str, ...]) -> bool:
    return not part or ".".join(key[1:]).startswith(f"{part}.")


def _describe(key: tuple[str, ...], given: Mapping[Any, Any], wanted: Mapping[Any, Any]) -> str:
    there = f"{given[key].shape} there" if key in given else "not there"
    return f"{'.'.join(key[1:])} ({there}, {wanted[key].shape} here)"
