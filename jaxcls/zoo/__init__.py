"""Named models: a family a file, data only. The one place of an architecture's numbers, beside its backbone's table.

    zoo.list_models("resnet*")
    zoo.model_config("resnet50", num_classes=200)   # what `build_classifier` takes

A family's file holds `ENTRIES`. Nothing here imports a backbone until the names are listed.
"""

from __future__ import annotations

import copy
import functools
import importlib
import pkgutil
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from jaxcls.errors import UserError, did_you_mean
from jaxcls.zoo.entry import Entry, Preprocessing, Published

__all__ = ["Entry", "Preprocessing", "Published", "find", "list_models", "model_config", "published"]


@functools.cache
def _table() -> dict[str, Entry]:
    """Any name -> its entry. A model whose parts are not in the package is left out."""
    from jaxcls.models import backbones, heads, necks

    table: dict[str, Entry] = {}
    for module in pkgutil.iter_modules(__path__):
        for entry in getattr(importlib.import_module(f"{__name__}.{module.name}"), "ENTRIES", ()):
            parts = [(entry.backbone, backbones), (entry.head, heads), *((neck, necks) for neck in entry.necks)]
            if all(part["type"] in package.__all__ for part, package in parts):
                table.update(dict.fromkeys(entry.names, entry))
    return table


def find(name: str) -> Entry:
    """The model that a name stands for: its own, the original's config's, or that of published weights.

    Raises:
        UserError: there is none, with the close names.
    """
    table = _table()
    if name not in table:
        raise UserError(
            f"model {name!r} is not in the zoo; {did_you_mean(name, table)}jaxcls.list_models() gives all names"
        )
    return table[name]


def published(name: str) -> Published | None:
    """The published weights that a name stands for: its own, or the preferred ones of the model; None without any."""
    rows = find(name).published
    return next((row for row in rows if name in (row.name, row.config)), rows[0] if rows else None)


def list_models(pattern: str | None = None, pretrained: bool | None = None) -> list[str]:
    """The models' names, sorted.

    Args:
        pattern: with `*` and `?`, as file names have them; None: all.
        pretrained: True: those with published weights to fetch; False: the others; None: all.
    """
    entries = {entry.name: entry for entry in _table().values()}
    return sorted(
        name
        for name, entry in entries.items()
        if fnmatchcase(name, pattern or "*")
        and pretrained in (None, any(row.url is not None for row in entry.published))
    )


def model_config(
    name: str,
    num_classes: int | None = None,
    image_size: int | None = None,
    backbone: Mapping[str, Any] | None = None,
    head: Mapping[str, Any] | None = None,
    **arguments: Any,
) -> dict[str, Any]:
    """A model's config, a new one at each call, as `build_classifier` takes it and a recipe holds it.

    Args:
        name: any that `find` knows.
        num_classes: None: as many as the published weights tell apart.
        image_size: side of the images in pixels, for backbones that have to know it; None: the published one.
        backbone: arguments to change or add there.
        head: arguments to change or add there.
        **arguments: the classifier's own: `neck`, `train_cfg`, `init_cfg`.

    Raises:
        UserError: the name is unknown, or `num_classes` is no number of classes.
    """
    entry = find(name)
    if num_classes is not None and not (isinstance(num_classes, int) and num_classes > 0):
        raise UserError(f"model {name!r}: num_classes={num_classes!r}: expected a whole number from 1")
    parts = {"backbone": {**entry.backbone, **(backbone or {})}, "head": {**entry.head, **(head or {})}}
    for part in parts.values():
        if num_classes is not None and "num_classes" in part:
            part["num_classes"] = num_classes
    if image_size is not None and "img_size" in parts["backbone"]:
        parts["backbone"]["img_size"] = image_size
    return copy.deepcopy(dict(type="ImageClassifier", neck=entry.neck) | parts | {**entry.arguments, **arguments})
