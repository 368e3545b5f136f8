"""A trained model that another one learns from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax

from jaxcls import zoo
from jaxcls.arguments import unknown_keys
from jaxcls.engine.checkpoints.loading import is_file
from jaxcls.engine.checkpoints.storage import locate
from jaxcls.engine.distillation import WHERE, Trained, settings
from jaxcls.engine.processes import first_process_first
from jaxcls.errors import UserError, refuse
from jaxcls.inference.model import Model, init_model
from jaxcls.inference.named import get_model
from jaxcls.paths import expand, scheme_of


def load_teacher(config: Mapping[str, Any]) -> Trained | None:
    """The teacher that a config's `model.train_cfg.distill.teacher` names; None where there is none.

    It is a work directory or a checkpoint in one, as for `init_model`; the name of a model of the zoo, whose published
    weights are fetched; or a dict of `model`, such a name or a config, as `init_model` takes it, and `checkpoint`, the
    weights for it.

    Raises:
        UserError: there is no such thing, or it cannot be read.
    """
    node = settings(config["model"])
    if node is None:
        return None
    try:
        with first_process_first("teacher"):
            source, weights, model = _load(node["teacher"])
    except UserError as error:
        raise UserError(f"{WHERE}.teacher: {error}") from error
    variables = jax.device_get(model.variables)  # the step places them on its devices
    values = (model.classifier, variables, model.classes, model.image_shape, model.preprocess.normalize)
    return Trained(source, *values, by_number=weights is None or is_file(weights))


def _load(given: Any) -> tuple[str, str | None, Model]:
    """What to call it, where its weights are (None: published ones), and the model."""
    if isinstance(given, str):
        if _is_name(given):
            return given, None, get_model(given, pretrained=True)
        folder = str(locate(given)[1])
        return folder, folder, init_model(folder)
    if not isinstance(given, Mapping):
        raise UserError(f"{given!r}; expected a work directory, a name of the zoo, or a dict of model and checkpoint")
    refuse(unknown_keys(given, ("model", "checkpoint"), "teacher"))
    if missing := [key for key in ("model", "checkpoint") if not given.get(key)]:
        raise UserError(f"lacks {' and '.join(missing)}; a dict has a model and its checkpoint")
    model, checkpoint = given["model"], given["checkpoint"]
    if isinstance(model, str) and _is_name(model):
        return checkpoint, checkpoint, get_model(model, pretrained=checkpoint)
    return checkpoint, checkpoint, init_model(model, checkpoint)


def _is_name(given: str) -> bool:
    """Whether a text is a name of the zoo; a folder of that name comes first."""
    if scheme_of(given) or expand(given).exists():
        return False
    try:
        zoo.find(given)
    except UserError:
        return False
    return True
