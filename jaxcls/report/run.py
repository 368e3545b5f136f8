"""All that a page says of one run, as plain values."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxcls.config import complete, load_config
from jaxcls.data.pipeline import build_dataset
from jaxcls.data.sources.labels import images_of_each
from jaxcls.engine.checkpoints.storage import locate
from jaxcls.engine.log import env_info, get_logger
from jaxcls.errors import UserError
from jaxcls.inference import Model, init_model
from jaxcls.inspect.logs import Log
from jaxcls.inspect.summary import summarize
from jaxcls.report import calibration, confusions, heat, pictures, recipe, speed
from jaxcls.report.evaluated import Evaluated
from jaxcls.report.numbers import in_words, large, measure

_SHEET = 12  # pictures of the best and of the worst
_HEAT = 4  # of either with maps

Notes = list[str]  # what could not be had, and why


def read(workdir: Path) -> tuple[dict[str, Any], Log | None]:
    """A run's config, and its log where there is one.

    Raises:
        UserError: this is no work directory.
    """
    config = complete(load_config(workdir / "config.json"))
    try:
        return config, Log(workdir)
    except UserError as error:
        get_logger().warning("%s", error)
        return config, None


def gather(workdir: Path, config: dict[str, Any], log: Log | None, split: str | None, shown: int) -> dict[str, Any]:
    """What a page shows of a run. What cannot be had is left out, and `notes` say why.

    Args:
        workdir: the run's.
        config: its config.
        log: its log.
        split: `val` or `test`; None: the first of them that the config has.
        shown: pictures behind the cells of the confusion matrix, at most.
    """
    notes: Notes = []
    split = split or next((name for name in ("val", "test") if name in config["data"]), "val")
    model = _attempt(notes, "network", lambda: init_model(workdir))
    found = model and _attempt(notes, f"evaluation on data.{split}", lambda: Evaluated(config, workdir, split))
    trained = _attempt(notes, "number of training images", lambda: _images_of_each(config))
    facts = {"Network": _network(config), "Data": _data(config)}
    return {
        "split": split,
        "title": " on ".join(facts.values()),
        "facts": facts | _facts(workdir, model, found, trained, split, notes),
        "recipe": recipe.summary(config),
        "config": recipe.as_text(config),
        "training": speed.of_training(log, config["data"]["batch_size"]) if log else [],
        "inference": (model and _attempt(notes, "speed", lambda: speed.of_inference(model))) or [],
        "trained_on": _environment(log.about.get("env_info", "") if log else ""),
        "made_on": _environment(env_info()),
        **(evaluation(found, trained, shown) if found else {}),
        "heat": found and model and _attempt(notes, "Grad-CAM", lambda: _heat(found, model)),
        "notes": notes,
    }


def _attempt(notes: Notes, what: str, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except UserError as error:
        get_logger().warning("no %s: %s", what, error)
        notes.append(f"No {what}: {error}")
        return None


def evaluation(found: Evaluated, trained: np.ndarray | None, shown: int) -> dict[str, Any]:
    """What a page shows of an evaluation.

    Args:
        found: it.
        trained: (K,) images of each class in training; None: not known.
        shown: as `gather` takes it.
    """
    sheets, cells = pictures.sheets(found, _SHEET), pictures.cells(found, shown)
    entries = pictures.entries(found, [index for group in (*sheets.values(), *cells.values()) for index in group])
    return {
        "classes": list(found.classes),
        "images": len(found.labels),
        "right": int(found.verdicts.right.sum()),
        "measures": {name: measure(name, value) for name, value in found.numbers.items()},
        "confusions": confusions.confusions(found),
        "by_class": confusions.by_class(found, trained),
        "calibration": calibration.reliability(found.bins),
        "sheets": {kind: [entries[index] for index in group] for kind, group in sheets.items()},
        "cells": {key: [entries[index] for index in group] for key, group in cells.items()},
    }


def _heat(found: Evaluated, model: Model) -> dict[str, Any]:
    """Of the surest mistakes and right ones, more of the latter where there are few mistakes."""
    sheets = pictures.sheets(found, _HEAT)
    return heat.heat_maps(found, model, [*sheets["worst"], *sheets["best"]][: _HEAT + _HEAT // 2])


def _images_of_each(config: Mapping[str, Any]) -> np.ndarray:
    """(K,) of the training data."""
    dataset = build_dataset(config["data"]["train"], "data.train")
    return images_of_each(dataset.labels, len(dataset.classes))


def _facts(
    workdir: Path, model: Model | None, found: Evaluated | None, trained: np.ndarray | None, split: str, notes: Notes
) -> dict[str, str]:
    """What was trained on what, beside its network and data."""
    facts = {}
    if trained is not None:
        facts["Training images"] = f"{int(trained.sum()):,}"
    if found is not None:
        facts["Evaluated on"] = f"{len(found.labels):,} images of data.{split}"
    if model is not None:
        facts |= {
            "Classes": f"{len(model.classes):,}",
            "Checkpoint": _checkpoint(workdir),
            "Image size": " × ".join(map(str, model.image_shape)),
        }
        whole = _attempt(notes, "size of the network", lambda: summarize(model.classifier, model.image_shape)[0])
        if whole:
            facts |= {"Parameters": large(whole.params), "Multiply-adds": large(whole.multiply_adds)}
    return facts | {"Work directory": str(workdir)}


def _checkpoint(workdir: Path) -> str:
    folder, file = locate(workdir)[1], workdir / "best.json"
    best = json.loads(file.read_text()) if file.exists() else None
    if best and str(best["number"]) == folder.name:
        return f"{folder.name}, the best by {in_words(best['metric'])}"
    return f"{folder.name}, the newest"


def _data(config: Mapping[str, Any]) -> str:
    source = config["data"]["train"]
    return str(source.get("name") or str(source.get("type", "")).rpartition(":")[2])


def _network(config: Mapping[str, Any]) -> str:
    """`ResNet_CIFAR 18`, `SwinTransformer tiny`."""
    backbone = config["model"].get("backbone") or {}
    kind = str(backbone.get("type", config["model"].get("type", ""))).rpartition(":")[2]
    size = next((backbone[key] for key in ("depth", "arch") if isinstance(backbone.get(key), str | int)), "")
    return f"{kind} {size}".strip()


def _environment(text: str) -> list[tuple[str, str]]:
    pairs = (line.partition(": ") for line in text.splitlines())
    return [(name, value) for name, _, value in pairs if value]
