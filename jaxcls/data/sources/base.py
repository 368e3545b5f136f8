"""What a source is."""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np


def digest(*parts: bytes) -> str:
    """A short fingerprint of bytes."""
    hasher = hashlib.sha256()
    for part in parts:
        hasher.update(part)
    return hasher.hexdigest()[:16]


class Source(ABC):
    """A random-access sequence of samples, picklable and safe to read from several threads.

    `source[i]` is a dict with `label` (int, or int32 (K,) where images have several labels) and either `image` (uint8
    (H, W, C), RGB or grey with C=1) or `filename` (an absolute path, for `LoadImageFromFile`).

    Attributes:
        classes: their names.
        in_memory: whether its images, all of one size, are held in memory and stay what they are.
    """

    classes: tuple[str, ...]
    in_memory: bool = False

    @property
    @abstractmethod
    def labels(self) -> np.ndarray:
        """int32 (n,), or (n, K) with several labels an image: all of them, without decoding images."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, index: int) -> dict[str, Any]: ...

    def names_digest(self) -> str:
        """A fingerprint of what the samples are called, in their order, wherever their folder lies.

        Sources of many files override it where they need not make all samples for it.
        """
        if "filename" not in self[0]:
            return digest()
        names = [os.fsencode(sample["filename"]) for sample in self]
        folder = os.path.commonpath([os.path.dirname(name) for name in names])
        return digest(*(name[len(folder) :] + b"\0" for name in names))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[index] for index in range(len(self)))
