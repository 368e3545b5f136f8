"""Which samples an epoch visits, in which order."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from jaxcls.errors import UserError

__all__ = ["RandomSampler", "RepeatAugSampler"]  # what `type` may name


class Sampler(Protocol):
    """The samples of each epoch, a function of its arguments."""

    def count(self, samples: int) -> int:
        """How many places an epoch has."""

    def epoch(self, samples: int, batch_size: int, seed: int, epoch: int) -> np.ndarray:
        """The sample of each place, int (count,), batch after batch of `batch_size`."""


@dataclass(frozen=True)
class RandomSampler:
    """All samples once, in a new random order each epoch."""

    def count(self, samples: int) -> int:
        """As many as samples."""
        return samples

    def epoch(self, samples: int, batch_size: int, seed: int, epoch: int) -> np.ndarray:
        """A permutation."""
        return _permutation(samples, seed, epoch)


@dataclass(frozen=True)
class RepeatAugSampler:
    """Each sample `num_repeats` times in a batch, transformed anew (Hoffer et al., https://arxiv.org/abs/1901.09335).

    The copies lie apart, so that they come to different devices, where there are as many. An epoch ends after as many
    places as there are samples: it sees 1 / num_repeats of them.

    Args:
        num_repeats: 1 or more.
        selected_round: the epoch's length is cut to a multiple of it; 0: it is not.
        selected_ratio: and divided by it, over all devices together; 0: as 1.
    """

    num_repeats: int = 3
    selected_round: int = 256
    selected_ratio: float = 0

    def __post_init__(self) -> None:
        if self.num_repeats < 1 or self.selected_round < 0 or self.selected_ratio < 0:
            raise UserError(f"{self}: expected num_repeats of 1 or more, the others 0 or more")

    def count(self, samples: int) -> int:
        """Places of an epoch.

        Raises:
            UserError: none is left.
        """
        whole = samples // self.selected_round * self.selected_round if self.selected_round else samples
        if not (count := int(whole / (self.selected_ratio or 1))):
            raise UserError(f"RepeatAugSampler: {samples} samples, less than selected_round={self.selected_round}")
        return count

    def epoch(self, samples: int, batch_size: int, seed: int, epoch: int) -> np.ndarray:
        """A permutation's beginning, with repetitions."""
        return _repeated(self, samples, batch_size, seed, epoch)


@functools.lru_cache(maxsize=4)
def _repeated(sampler: RepeatAugSampler, samples: int, batch_size: int, seed: int, epoch: int) -> np.ndarray:
    count = sampler.count(samples)
    order = np.repeat(_permutation(samples, seed, epoch), sampler.num_repeats)[:count]
    batch, place = np.divmod(np.arange(count), batch_size)
    order = order[np.lexsort((place, place % sampler.num_repeats, batch))]
    order.setflags(write=False)
    return order


@functools.lru_cache(maxsize=4)
def _permutation(samples: int, seed: int, epoch: int) -> np.ndarray:
    order = np.random.default_rng((seed, epoch)).permutation(samples)
    order.setflags(write=False)
    return order
