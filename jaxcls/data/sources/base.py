"""What a source is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np


class Source(ABC):
    """A random-access sequence of samples, picklable and safe to read from several threads.

    `source[i]` is a dict with `label` (int, or int32 (K,) where images have several labels) and either `image` (uint8
    (H, W, C), RGB or grey with C=1) or `filename` (an absolute path, for `LoadImageFromFile`).
    """

    classes: tuple[str, ...]

    @property
    @abstractmethod
    def labels(self) -> np.ndarray:
        """int32 (n,), or (n, K) with several labels an image: all of them, without decoding images."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, index: int) -> dict[str, Any]: ...

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[index] for index in range(len(self)))
