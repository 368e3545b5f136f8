"""A model of the zoo by its name."""

from __future__ import annotations

import os

from jaxcls import zoo
from jaxcls.engine.checkpoints.loading import read_notes
from jaxcls.errors import UserError
from jaxcls.inference.model import Model


def get_model(name: str, pretrained: bool | str | os.PathLike = False) -> Model:
    """A model of the zoo with the classes and the preprocessing of its published weights, or of those given.

    Args:
        name: any that `zoo.find` knows.
        pretrained: False: initial weights; True: the published ones, fetched; or weights of the same model, as
            `load_checkpoint` takes them, for any classes that they name.

    Raises:
        UserError: the name is unknown, nothing is published, or the weights are of another model.
    """
    entry, published = zoo.find(name), zoo.published(name)
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
        batch_size=32,
    )
    return Model(description, pretrained or None)
