"""The last steps of the original's pipelines, accepted so that these build as they stand.

Batches are made of `image` and `label`, channels last, so there is nothing left for them to do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaxcls.data.transforms.base import Sample


@dataclass(frozen=True)
class Formatting:
    """Does nothing; `build_dataset` drops it."""

    keys: tuple[str, ...]

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """The sample itself."""
        return sample


@dataclass(frozen=True)
class ImageToTensor(Formatting):
    """Does nothing: images stay (H, W, C)."""


@dataclass(frozen=True)
class ToTensor(Formatting):
    """Does nothing: labels stay integers."""


@dataclass(frozen=True)
class Collect(Formatting):
    """Does nothing: a batch holds `image` and `label`."""

    meta_keys: tuple[str, ...] = ()
