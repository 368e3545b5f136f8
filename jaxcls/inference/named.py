"""A model of the zoo by its name."""

from __future__ import annotations

import os

from jaxcls import zoo
from jaxcls.engine.checkpoints.storage import locate
from jaxcls.errors import UserError
from jaxcls.inference.model import Model


def get_model(name: str, pretrained: bool | str | os.PathLike = False) -> Model:
    """A model of the zoo with the classes and the preprocessing of its published weights.

    Args:
        name: any that `zoo.find` knows.
        pretrained: False: initial weights; or a work directory or checkpoint of the same model.

    Raises:
        UserError: the name is unknown, or the checkpoint is of another model.
    """
    entry, published = zoo.find(name), zoo.published(name)
    if isinstance(pretrained, bool) and pretrained:
        where = f"published at {published.url}" if published and published.url else "not published"
        raise UserError(
            f"model {name!r}: expected pretrained=False or a checkpoint; its weights are {where} and are not fetched"
        )
    preprocessing = (published and published.preprocessing) or entry.preprocessing
    description = dict(
        model=zoo.model_config(name),
        precision="float32",
        classes=entry.class_names,
        image_shape=(preprocessing.size, preprocessing.size, len(preprocessing.mean)),
        pipeline=preprocessing.pipeline(),
        batch_size=32,
    )
    return Model(description, locate(pretrained)[1] if pretrained else None)
