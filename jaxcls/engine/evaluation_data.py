"""Validation and test data in terms of the classes that a network tells apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jaxcls.data.pipeline import Dataset, build_dataset
from jaxcls.engine.log import get_logger
from jaxcls.errors import UserError

Config = Mapping[str, Any]


def evaluation_dataset(config: Config, split: str, classes: Sequence[str] | None, reference: str) -> Dataset:
    """The `val` or `test` data of a config.

    Args:
        config: the whole config.
        split: which.
        classes: what the labels count, in order; None: the data's own.
        reference: what has these classes, for messages.

    Raises:
        UserError: there is no such data, it has another class, or its pipeline is for training.
    """
    if split not in config["data"]:
        have = [name for name in ("train", "val", "test") if name in config["data"]]
        raise UserError(f"config.data has no {split!r}; it has {', '.join(have)}")
    where = f"data.{split}"
    dataset = build_dataset(config["data"][split], where)
    if dataset.random_on_device:
        raise UserError(f"{where}.pipeline: what has on_device=True is random and for training only")
    return dataset if classes is None else dataset.in_terms_of(classes, where, reference)


def in_terms_of_original(dataset: Dataset, classes: Sequence[str], where: str) -> Dataset:
    """The dataset with its labels in terms of the classes that a file of the original names.

    As many classes, all with other names, go by their numbers: the original words ImageNet's, where folders have codes.

    Raises:
        UserError: some of the names are the same, and others are not.
    """
    if len(dataset.classes) == len(classes) and not set(dataset.classes) & set(classes):
        get_logger().warning("%s and the checkpoint name their classes differently: labels go by their numbers", where)
        return dataset
    return dataset.in_terms_of(classes, where, "the checkpoint")
