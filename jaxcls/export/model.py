"""Writes a model in a form that needs no jaxcls: a program, its weights, and what there is to know of them."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import jax

import jaxcls
from jaxcls.errors import UserError, close_names
from jaxcls.export import onnx, stablehlo
from jaxcls.export.program import Program
from jaxcls.inference.model import Model
from jaxcls.models.deploy import DeployedClassifier
from jaxcls.paths import expand

FORMATS = {"stablehlo": stablehlo.write, "onnx": onnx.write}
_DESCRIPTION = "model.json"


def export_model(model: Model, out: str | os.PathLike, format: str = "stablehlo") -> Path:
    """Writes a model's scores as a program for any number of images.

    The program normalises the images itself. Reading, resizing and cropping them stays outside; `model.json` says how.

    Args:
        model: what `init_model` gives, in its quickest form with `deploy=True` there.
        out: the folder; an earlier export in it is replaced.
        format: `stablehlo`: `model.stablehlo`, for CPU, CUDA and TPU, and `weights.npz`; `onnx`: `model.onnx`.

    Returns:
        the folder.

    Raises:
        UserError: an unknown format, a folder that cannot be written or holds something else, or a network that the
            format has no operators for.
    """
    if format not in FORMATS:
        raise UserError(f"format={format!r}; {close_names(format, FORMATS)}")
    folder = _folder(out)
    program = Program(model)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as made:
        written = FORMATS[format](program, Path(made))
        description = {"format": format, **written, **_describe(model, program)}
        Path(made, _DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        for new in Path(made).iterdir():
            new.rename(folder / new.name)
    return folder


def _folder(out: str | os.PathLike) -> Path:
    folder = expand(out)
    if not folder.parent.is_dir():
        raise UserError(f"out: the folder {folder.parent} does not exist")
    if not os.access(folder if folder.is_dir() else folder.parent, os.W_OK):
        raise UserError(f"out: {folder} cannot be written")
    if folder.exists() and not (folder.is_dir() and (not any(folder.iterdir()) or (folder / _DESCRIPTION).exists())):
        raise UserError(f"out: {folder} is there already and is no earlier export; choose another name")
    return folder


def _describe(model: Model, program: Program) -> dict[str, Any]:
    """What the program takes and gives, and where it comes from: JSON."""
    (*size, channels), head = model.image_shape, model.network.head
    transforms = [dict(step) for step in model.description["pipeline"]]
    inside = [step for step in transforms if step["type"] == "Normalize"]
    return {
        "input": {
            "name": "images",
            "dtype": str(program.image.dtype),
            "shape": ["batch", *model.image_shape],
            "channels": {1: "grey", 3: "RGB"}.get(channels, "as trained"),
        },
        "output": {
            "name": "scores",
            "dtype": "float32",
            "shape": ["batch", len(model.classes)],
            "several_labels": head is not None and head.multi_label,
        },
        "classes": list(model.classes),
        "preprocessing": {
            "before": [step for step in transforms if step["type"] != "Normalize"],
            "then_if_of_another_size": {"type": "Resize", "size": size, "interpolation": "area"},
            "in_the_program": inside,
        },
        "model": model.description["model"],
        "precision": model.description["precision"],
        "deployed": isinstance(model.classifier, DeployedClassifier),
        "checkpoint": None if model.checkpoint is None else str(model.checkpoint),
        "versions": {"jaxcls": jaxcls.__version__, "jax": jax.__version__},
    }
