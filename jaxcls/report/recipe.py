"""A run's config in a few lines, and what the configs of several runs do not share."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jaxcls.builder import as_json

_IN_WORDS = {
    "model.backbone": "Backbone",
    "model.neck": "Neck",
    "model.head": "Head",
    "model.train_cfg": "Mixing of images",
    "optimizer": "Optimiser",
    "optimizer_config": "Gradients",
    "lr_config": "Learning rate",
    "momentum_config": "Momentum",
    "runner": "Length",
    "data.batch_size": "Batch size",
    "precision": "Precision",
    "ema": "Averaged weights",
    "load_from": "Starts from",
    "seed": "Seed",
    "data.train": "Training data",
    "data.val": "Validation data",
    "data.train.pipeline": "Augmentation",
}


def summary(config: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """What a reader asks for first: (name, lines), without what is not set."""
    rows = []
    for key, name in _IN_WORDS.items():
        value = _at(config, key)
        if key in ("data.train", "data.val") and isinstance(value, Mapping):
            value = {name: entry for name, entry in value.items() if name != "pipeline"}
        lines = [in_words(one) for one in value] if isinstance(value, list | tuple) else [in_words(value)]
        lines = [line for line in lines if line]
        if lines:
            rows.append((name, lines))
    return rows


def in_words(value: Any) -> str:
    """`{"type": "SGD", "lr": 0.1}` -> `SGD(lr=0.1)`; what is not set gives nothing."""
    if isinstance(value, Mapping):
        parts = ", ".join(
            f"{key}={_inner(entry)}" for key, entry in value.items() if key != "type" and entry is not None
        )
        return f"{value['type']}({parts})" if "type" in value else parts
    return "" if value is None else str(value)


def _inner(value: Any) -> str:
    if isinstance(value, Mapping):
        return in_words(value) if "type" in value else f"{{{in_words(value)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_inner, value))}]"
    return str(value)


def _at(config: Mapping[str, Any], key: str) -> Any:
    value: Any = config
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def differences(configs: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    """Keys whose values are not the same in all configs, with each one's value in words, `–` where it has none.

    What is of another type is one value, whatever lies in it.
    """
    return list(_differences([as_json(config) for config in configs]))


def _differences(values: Sequence[Any], path: str = "") -> Iterator[tuple[str, list[str]]]:
    if all(value == values[0] for value in values):
        return
    if all(isinstance(value, Mapping) for value in values) and len({value.get("type") for value in values}) == 1:
        for key in dict.fromkeys(key for value in values for key in value):
            yield from _differences([value.get(key) for value in values], f"{path}.{key}" if path else key)
    else:
        yield path, [_inner(value) if value not in (None, "", [], {}) else "–" for value in values]


def as_text(config: Mapping[str, Any]) -> str:
    """The whole config as JSON."""
    return json.dumps(as_json(config), indent=2, ensure_ascii=False)
