"""What a checkpoint says beside its arrays, so that these can be used without any data."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxcls.builder import as_json
from jaxcls.data.pipeline import build_dataset, build_pipeline, evaluation_pipeline
from jaxcls.data.transforms import LoadImageFromFile
from jaxcls.data.views import views_of
from jaxcls.engine.balance import balanced, balanced_as
from jaxcls.engine.checkpoints.loading import read_notes
from jaxcls.engine.evaluation_data import evaluation_dataset
from jaxcls.errors import UserError

Config = Mapping[str, Any]
OF_THE_NETWORK = ("model", "precision", "import_from")  # keys of a config


def describe(config: Config, image_shape: Sequence[int]) -> dict[str, Any]:
    """What a checkpoint says, with the names of the classes, of how to use its arrays without any data: JSON."""
    description = {
        **{key: config[key] for key in OF_THE_NETWORK},
        "image_shape": image_shape,
        "pipeline": evaluation_pipeline(config["data"], image_shape),
        "tta": views_of(config["data"]),
        "batch_size": config["data"]["batch_size"],
    }
    return as_json(description)


def describe_from_pipeline(config: Config) -> dict[str, Any]:
    """The same where there is no data: the images have the size to which the pipeline brings a large one."""
    sample, rng = {"image": np.zeros((1024, 1024, 3), np.uint8)}, np.random.default_rng(0)
    for transform in build_pipeline(evaluation_pipeline(config["data"], (1024, 1024, 3)))[0]:
        sample = sample if isinstance(transform, LoadImageFromFile) else transform(sample, rng)
    return describe(config, sample["image"].shape)


def describe_from_data(config: Config) -> dict[str, Any]:
    """What a checkpoint of this config would say of how to use its arrays.

    Raises:
        UserError: the data cannot be read.
    """
    dataset = build_dataset(config["data"]["train"], "data.train")
    split = next((split for split in ("val", "test") if split in config["data"]), None)
    seen = evaluation_dataset(config, split, dataset.classes, "data.train") if split else dataset
    config = balanced(config, lambda: dataset)
    return {**describe(config, seen.image.shape), "classes": dataset.classes}


def is_described(notes: Mapping[str, Any]) -> bool:
    """Whether what stands beside a checkpoint's arrays is enough to use these."""
    return "pipeline" in notes


def description_of(checkpoint: str | os.PathLike, config: Config) -> dict[str, Any]:
    """How to use the arrays of a checkpoint: as it says itself; what it does not say, as the config's data says.

    Args:
        checkpoint: a work directory, a checkpoint in one, or a file of weights.
        config: of the network. What a checkpoint says of its own network comes second to it.

    Raises:
        UserError: neither says it.
    """
    notes = read_notes(checkpoint)
    config = {**config, "model": balanced_as(config["model"], notes.get("model"))}
    own = {key: config[key] for key in OF_THE_NETWORK}
    if is_described(notes):
        return {**notes, **own}
    classes = notes.get("original_classes")
    try:
        described = describe_from_data(config)
    except UserError as error:
        if classes is None:
            raise UserError(
                f"{checkpoint} does not say how its classes are called and images prepared, and the data of its "
                f"config, which would tell, cannot be read: {error}"
            ) from error
        described = describe_from_pipeline(config)
    return {**described, "classes": classes or described["classes"]}
