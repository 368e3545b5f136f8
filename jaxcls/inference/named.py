"""A model of the zoo by its name, and a model by whatever a user may call it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from jaxcls import zoo
from jaxcls.convert.fetch import local
from jaxcls.engine import compilation
from jaxcls.engine.checkpoints.loading import is_file, read_notes
from jaxcls.engine.log import get_logger
from jaxcls.errors import UserError, did_you_mean
from jaxcls.inference.model import Model, init_model
from jaxcls.paths import is_stored, scheme_of


def get_model(
    name: str, pretrained: bool | str | os.PathLike = False, deploy: bool = False, weights: str | None = None
) -> Model:
    """A model of the zoo with the classes and the preprocessing of its published weights, or of those given.

    Args:
        name: any that `zoo.find` knows.
        pretrained: False: initial weights; True: the published ones, fetched; or weights of the same model, as
            `load_checkpoint` takes them, for any classes that they name.
        deploy: as `init_model` takes it.
        weights: as there.

    Raises:
        UserError: the name is unknown, nothing is published, or the weights are of another model.
    """
    get_logger()  # what is fetched and loaded is to be seen
    compilation.prepare()
    entry, published = zoo.find(name), zoo.published(name)
    if not isinstance(pretrained, bool | str | os.PathLike):
        raise UserError(f"pretrained={pretrained!r}: expected True, False, or weights as load_checkpoint takes them")
    if pretrained is True:
        if published is None or published.url is None:
            raise UserError(f"model {name!r}: no weights are published; give pretrained=FILE, an address or False")
        pretrained = published.url
    notes = read_notes(pretrained) if pretrained else {}
    classes = notes.get("classes") or notes.get("original_classes") or entry.class_names
    preprocessing = (published and published.preprocessing) or entry.preprocessing
    description = dict(
        model=zoo.model_config(name, len(classes)),
        precision="float32",
        classes=classes,
        image_shape=notes.get("image_shape") or (preprocessing.size, preprocessing.size, len(preprocessing.mean)),
        pipeline=notes.get("pipeline") or preprocessing.pipeline(),
        tta=notes.get("tta") or {"flips": ["horizontal"]},
        batch_size=32,
    )
    return Model(description, pretrained or None, deploy, weights)


def find_model(
    checkpoint: str | os.PathLike,
    config: ConfigDict | Mapping[str, Any] | None = None,
    deploy: bool = False,
    weights: str | None = None,
) -> Model:
    """The trained model that a command's `--ckpt` stands for.

    Args:
        checkpoint: a work directory, one checkpoint, a file of weights or its address, or a name of the zoo, whose
            published weights are fetched. A file that is called as a published one is of that model.
        config: of the network; other files need it.
        deploy: as `init_model` takes it.
        weights: as there.

    Raises:
        UserError: it is none of these, or does not fit.
    """
    if config is not None:
        return init_model(config, checkpoint, deploy, weights)
    given = os.fspath(checkpoint)
    if (scheme_of(given) and not is_stored(given)) or is_file(given):  # what others publish are files
        if (name := _published_as(given)) is None:
            raise UserError(
                f"{given} is a file of weights, which does not say of what network: give --config=RECIPE, too"
            )
        return get_model(name, given, deploy, weights)
    if local(given).exists():
        return init_model(given, deploy=deploy, weights=weights)
    names = zoo.list_models()
    try:
        zoo.find(given)
    except UserError as error:
        raise UserError(
            f"{given}: no such work directory, checkpoint or file, and no model of the zoo; "
            f"{did_you_mean(given, names)}jaxcls.list_models(pretrained=True) lists those"
        ) from error
    return get_model(given, True, deploy, weights)


def _published_as(file: str) -> str | None:
    """The model of the zoo whose published weights are in a file of that name."""
    base = os.path.basename(file)
    for model in zoo.list_models(pretrained=True):
        for row in zoo.find(model).published:
            if row.url is not None and os.path.basename(row.url) == base:
                return row.name
    return None
