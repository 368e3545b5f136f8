"""Labels: what they may be, and the same ones in terms of other classes."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxcls.data.sources.base import Source
from jaxcls.data.sources.naming import places_by_name
from jaxcls.errors import UserError

_log = logging.getLogger("jaxcls")


def check_labels(source: Source, where: str) -> None:
    """Refuses labels that do not fit the source's own classes.

    Raises:
        UserError: they are not integers, of another shape, or of a class that is not there.
    """
    labels, count = source.labels, len(source.classes)
    if not np.issubdtype(labels.dtype, np.integer):
        raise UserError(f"{where}: labels are {labels.dtype}; expected integers")
    if labels.shape not in ((len(source),), (len(source), count)):
        raise UserError(f"{where}: labels {labels.shape}; expected ({len(source)},), or ({len(source)}, {count})")
    low, high = (0, count - 1) if labels.ndim == 1 else (-1, 1)
    if labels.min(initial=0) < low or labels.max(initial=0) > high:
        expected = f"{count} classes, 0 to {high}" if labels.ndim == 1 else "1, 0, or -1 where it is difficult"
        raise UserError(f"{where}: labels go from {labels.min()} to {labels.max()}; expected {expected}")


def images_of_each(labels: np.ndarray, count: int) -> np.ndarray:
    """How many images each of the `count` classes has: int (K,); of labels (n, K), 1 counts."""
    if labels.ndim == 1:
        return np.bincount(labels, minlength=count)
    return np.array([np.count_nonzero(column == 1) for column in labels.T], int)


def relabelled(labels: np.ndarray, places: np.ndarray, count: int) -> np.ndarray:
    """Labels (n,), or (n, K) with several an image, in terms of other classes.

    Args:
        labels: in terms of a source's own classes.
        places: where each of these stands among the others; -1: nowhere.
        count: how many others there are.

    Returns:
        (n,), -1 for a label that stands nowhere, or (n, count), 0 for a class that the source does not have.
    """
    if labels.ndim == 1:
        return places[labels]
    columns, kept = np.zeros((len(labels), count), labels.dtype), places >= 0
    columns[:, places[kept]] = labels[:, kept]
    return columns


class Relabelled(Source):
    """The samples of another source, with their labels in terms of other classes.

    Args:
        source: the samples.
        classes: K names.
        places: int32, where each of the source's own classes stands among these.
    """

    def __init__(self, source: Source, classes: Sequence[str], places: np.ndarray) -> None:
        self.source, self.classes, self._places = source, tuple(classes), places
        self.in_memory = source.in_memory

    @functools.cached_property
    def labels(self) -> np.ndarray:
        """int32 (n,) or (n, K)."""
        return relabelled(self.source.labels, self._places, len(self.classes))

    def __len__(self) -> int:
        return len(self.source)

    def names_digest(self) -> str:
        """The source's."""
        return self.source.names_digest()

    def __getitem__(self, index: int) -> dict[str, Any]:
        sample = self.source[index]
        label = relabelled(np.asarray(sample["label"])[None], self._places, len(self.classes))[0]
        return {**sample, "label": label if label.ndim else int(label)}


def in_terms_of(source: Source, classes: Sequence[str], where: str, reference: str) -> Source:
    """The source with its labels in terms of the classes of another one, the reference, by their names.

    A warning says where they go by their numbers, because only one of the two has names.

    Args:
        source: has all or some of these classes, in any order.
        classes: the reference's.
        where: what to call the source in messages.
        reference: what to call the reference.

    Raises:
        UserError: the source has another class, a label that is none of its own, or labels that are only numbers and
            lead to another class than the one that an image's folder is named by.
    """
    if tuple(source.classes) == tuple(classes):
        return source
    check_labels(source, where)
    places = places_by_name(source.classes, classes, where, reference)
    if not set(source.classes) <= set(classes):
        _check_folders(source, classes, places, where, reference)
        _log.warning("%s or %s does not name its classes: labels go by their numbers", where, reference)
    return Relabelled(source, classes, places)


def _check_folders(source: Source, classes: Sequence[str], places: np.ndarray, where: str, reference: str) -> None:
    """Refuses numbers that contradict the names of the folders that images lie in."""
    if source.labels.ndim > 1 or "filename" not in source[0]:
        return
    known = set(classes)
    for sample in source:
        folder, name = os.path.basename(os.path.dirname(sample["filename"])), classes[places[sample["label"]]]
        if folder in known and folder != name:
            raise UserError(
                f"{where}: {sample['filename']} has the label {sample['label']}, which is {name!r} in {reference}, but "
                f"lies in folder {folder!r}; give the names of its labels as classes"
            )
