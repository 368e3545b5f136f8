"""A loss's `class_weight="balanced"` and `pos_weight="balanced"` -> numbers from the training labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from jaxcls.data.pipeline import Dataset
from jaxcls.data.sources.files import some
from jaxcls.data.sources.labels import check_labels
from jaxcls.engine.log import get_logger
from jaxcls.errors import refuse
from jaxcls.models.losses.loss import BALANCED

Config = Mapping[str, Any]
_WHERE = "model.head.loss"
_KEYS = ("class_weight", "pos_weight")


def balanced(config: Config, dataset: Callable[[], Dataset]) -> Config:
    """The config with numbers where its loss says "balanced".

    With n images, K classes and n_k images of class k, `class_weight` is n / (K n_k), and `pos_weight` is
    (n - n_k) / n_k: negatives to positives.

    Args:
        config: the whole.
        dataset: gives the training data; it is not called where there is nothing to balance.

    Raises:
        UserError: a class has no images, or several labels an image are to have a `class_weight`.
    """
    keys = _balanced_keys(config["model"])
    if not keys:
        return config
    data = dataset()
    check_labels(data.source, "data.train")
    refuse(problem for key in keys for problem in _problems(key, data))
    return _with(config, {key: _weights(key, data) for key in keys})


def balanced_as(model: Config, other: Config | None) -> Config:
    """A model's config with the numbers of another one of the same run in place of "balanced"; None where it has none.

    For what needs no loss: predictions.
    """
    loss = ((other or {}).get("head") or {}).get("loss") or {}
    known = {key: loss.get(key) for key in _balanced_keys(model)}
    values = {key: None if value == BALANCED else value for key, value in known.items()}
    return _with({"model": model}, values)["model"] if values else model


def _balanced_keys(model: Config) -> list[str]:
    loss = (model.get("head") or {}).get("loss") or {}
    return [key for key in _KEYS if loss.get(key) == BALANCED]


def _with(config: Config, values: Mapping[str, Any]) -> Config:
    model = config["model"]
    head = model["head"]
    return {**config, "model": {**model, "head": {**head, "loss": {**head["loss"], **values}}}}


def _counts(dataset: Dataset) -> np.ndarray:
    labels = dataset.labels
    if labels.ndim == 1:
        return np.bincount(labels, minlength=len(dataset.classes))
    return np.abs(labels).sum(0)  # what is difficult counts, as in the loss


def _problems(key: str, dataset: Dataset) -> list[str]:
    counts, what = _counts(dataset), f"{_WHERE}.{key}={BALANCED!r}"
    if key == "class_weight" and dataset.labels.ndim == 2:
        return [f"{what}: is for one label an image; with several, pos_weight={BALANCED!r} weighs positives"]
    names = np.array(dataset.classes)
    problems = []
    if not counts.all():
        problems.append(f"{what}: data.train has no images of {some(names[counts == 0].tolist())}")
    if key == "pos_weight" and (everywhere := names[counts == len(dataset)].tolist()):
        problems.append(f"{what}: all images of data.train have {some(everywhere)}, which would weigh nothing")
    return problems


def _weights(key: str, dataset: Dataset) -> tuple[float, ...]:
    counts, total = _counts(dataset), len(dataset)
    weights = total / (len(counts) * counts) if key == "class_weight" else (total - counts) / counts
    least, most = int(weights.argmin()), int(weights.argmax())
    get_logger().info(
        "%s.%s: balanced, from %.4g (%s, %d of %d images) to %.4g (%s, %d)",
        *(_WHERE, key, weights[least], dataset.classes[least], counts[least], total),
        *(weights[most], dataset.classes[most], counts[most]),
    )
    return tuple(weights.tolist())
