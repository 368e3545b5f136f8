"""A dataset -> batches. Each is a pure function of (dataset, seed, step).

The order and all randomness follow from these alone, whatever the number of threads or processes and wherever a run is
resumed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from jaxcls.data.dataset import Dataset
from jaxcls.data.sampler import RandomSampler, Sampler
from jaxcls.data.transforms.base import Sample
from jaxcls.errors import UserError

Batch = dict[str, np.ndarray]
_KEPT_BYTES = 2**28  # of one dataset's finished images


class Batches(ABC):
    """A random-access sequence of one process's host batches; `len()` is the number of steps in an epoch."""

    endless: ClassVar[bool]  # whether items go on beyond `len()`

    def __init__(self, count: int, batch_size: int, process_index: int, process_count: int) -> None:
        if batch_size < 1 or batch_size % process_count:
            raise UserError(f"batch_size={batch_size!r}: expected a positive multiple of the {process_count} processes")
        self.batch_size, self._count = batch_size, count
        self._share = batch_size // process_count
        self._first = process_index * self._share

    def __len__(self) -> int:
        return -(-self._count // self.batch_size)

    @abstractmethod
    def __getitem__(self, step: int) -> Batch: ...

    def _positions(self, step: int) -> np.ndarray:
        """The process's places in the epoch at its `step`-th step; the last step's go beyond the epoch's end."""
        first = step * self.batch_size + self._first
        return np.arange(first, first + self._share)


class TrainBatches(Batches):
    """Shuffled batches, epoch after epoch: item `step` of any size, with `epoch = step // steps_per_epoch`.

    The last batch of an epoch is filled up from the beginning of the epoch's own order, as the original's
    `DistributedSampler(round_up=True)` does.

    Args:
        dataset: what to draw from.
        batch_size: of all processes together, B.
        seed: 0 or more.
        process_index: which of the B / process_count rows to make.
        process_count: P.
        sampler: which samples an epoch visits; `RepeatAugSampler()` repeats some.
        drop_last: the samples that do not fill a last batch are left out of the epoch instead.

    Returns:
        `image`: uint8 (B/P, H, W, C), `label`: int32 (B/P,), or (B/P, K) with several labels an image; where the
        dataset's transforms ask for them, `index` and `epoch`: int32 (B/P,).
    """

    endless = True

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        seed: int,
        process_index: int = 0,
        process_count: int = 1,
        sampler: Sampler = RandomSampler(),  # noqa: B008 (immutable)
        drop_last: bool = False,
    ) -> None:
        count = sampler.count(len(dataset))
        super().__init__(count - count % batch_size if drop_last else count, batch_size, process_index, process_count)
        if not len(self):
            raise UserError(f"drop_last=True: {count} samples do not fill a batch of {batch_size}")
        if seed < 0:
            raise UserError(f"seed={seed!r}: expected 0 or more")
        self.dataset, self.seed, self.sampler = dataset, seed, sampler
        self._read = _Reader(dataset, dataset.readable_sample)

    @property
    def steps_per_epoch(self) -> int:
        """ceil(n / B); with `drop_last` floor(n / B)."""
        return len(self)

    def __getitem__(self, step: int) -> Batch:
        epoch, step_in_epoch = divmod(step, self.steps_per_epoch)
        positions = self._positions(step_in_epoch)
        order = self.sampler.epoch(len(self.dataset), self.batch_size, self.seed, epoch)
        index = order[positions % len(order)]
        batch = self._of(index, epoch, positions)
        if self.dataset.in_turn:
            batch |= {"index": index.astype(np.int32), "epoch": np.full(len(index), epoch, np.int32)}
        return batch

    def first_images(self, count: int) -> np.ndarray:
        """uint8 (n, H, W, C): the first of the first epoch, the same in each process; n is at most `count`."""
        index = self.sampler.epoch(len(self.dataset), self.batch_size, self.seed, 0)[:count]
        rng = _SampleRng(self.seed, 0)
        return _assemble(self.dataset.readable_sample, index, rng, np.arange(len(index)))["image"]

    def _of(self, index: np.ndarray, epoch: int, positions: np.ndarray) -> Batch:
        """The batch of these samples, which stand at these places of the epoch."""
        return self._read(index, _SampleRng(self.seed, epoch), positions)


class ResidentBatches(TrainBatches):
    """As `TrainBatches`, for a device that has all images: each is read once, and then known by its number.

    Args: as `TrainBatches`.

    Attributes:
        images: uint8 (n, H, W, C), the whole dataset.

    Raises:
        UserError: a transform of the host's that does not say that it gives the same each time (`varies`).

    Returns:
        `index`: int32 (B/P,), `label`; where the dataset's transforms ask for it, `epoch`.
    """

    def __init__(self, dataset: Dataset, *args: Any) -> None:
        super().__init__(dataset, *args)
        if varying := dataset.varying:
            raise UserError(
                f"data.on_device=True reads each image once, and {', '.join(varying)} would not change it again; "
                "leave out what has no on_device=True of its own"
            )
        everything = np.arange(len(dataset))
        read = _assemble(dataset.readable_sample, everything, _SampleRng(self.seed, 0), everything)
        self.images, self._labels = read["image"], read["label"]

    def _of(self, index: np.ndarray, epoch: int, positions: np.ndarray) -> Batch:
        return {"index": index.astype(np.int32), "label": self._labels[index]}


class EvalBatches(Batches):
    """All samples once, in order; the last batch is padded with repetitions whose `mask` is 0.

    Args:
        dataset: what to read.
        batch_size: of all processes together, B.
        process_index: which of the B / process_count rows to make.
        process_count: P.

    Returns:
        `image`: uint8 (B/P, H, W, C), `label`: int32 (B/P,) or (B/P, K), `mask`: float32 (B/P,).
    """

    endless = False

    def __init__(self, dataset: Dataset, batch_size: int, process_index: int = 0, process_count: int = 1) -> None:
        super().__init__(len(dataset), batch_size, process_index, process_count)
        self.dataset = dataset
        self._read = _Reader(dataset, dataset.sample)

    def __getitem__(self, step: int) -> Batch:
        if not 0 <= step < len(self):
            raise IndexError(step)
        positions = self._positions(step)
        indices = np.minimum(positions, len(self.dataset) - 1)
        batch = self._read(indices, _SampleRng(0, 0), indices)
        return {**batch, "mask": (positions < len(self.dataset)).astype(np.float32)}


class _SampleRng:
    """One generator, set to the stream of each (seed, epoch, position) in turn: a tenth of a new one's cost."""

    def __init__(self, seed: int, epoch: int) -> None:
        self._bits = np.random.Philox(key=(seed, epoch))  # type: ignore[arg-type]
        self._state: Any = self._bits.state
        self._generator = np.random.Generator(self._bits)

    def at(self, position: int) -> np.random.Generator:
        # Philox is a function of key and counter; a sample uses up far less than the counter's lower words.
        self._state["state"]["counter"][3] = position
        self._bits.state = self._state
        return self._generator


class _Reader:
    """Batches of samples, each made anew; or once, where it comes out the same each time and there is room for all.

    Several threads may read at once: what two of them make of one sample is the same.

    Args:
        dataset: whose samples they are.
        make: (index, generator) -> sample.
    """

    def __init__(self, dataset: Dataset, make: Callable[[int, np.random.Generator], Sample]) -> None:
        self._make = make
        self._keeps = dataset.source.in_memory and not dataset.varying
        self._is_kept = np.zeros(len(dataset) if self._keeps else 0, bool)
        self._kept: Batch = {}

    def __call__(self, indices: np.ndarray, rng: _SampleRng, positions: np.ndarray) -> Batch:
        if not self._keeps:
            return _assemble(self._make, indices, rng, positions)
        new = ~self._is_kept[indices]
        if new.any():
            made = _assemble(self._make, indices[new], rng, positions[new])
            if made["image"][0].nbytes * len(self._is_kept) > _KEPT_BYTES:
                self._keeps = False
                return _assemble(self._make, indices, rng, positions)
            for name, rows in made.items():
                whole = self._kept.setdefault(name, np.empty((len(self._is_kept), *rows.shape[1:]), rows.dtype))
                whole[indices[new]] = rows
            self._is_kept[indices[new]] = True
        return {name: whole[indices] for name, whole in self._kept.items()}


def _assemble(
    make: Callable[[int, np.random.Generator], Sample], indices: np.ndarray, rng: _SampleRng, positions: np.ndarray
) -> Batch:
    """The batch of the samples `indices`, with the random streams of `positions`."""
    labels: list[Any] = []
    images: np.ndarray | None = None
    for row, (index, position) in enumerate(zip(indices.tolist(), positions.tolist(), strict=True)):
        sample = make(index, rng.at(position))
        image = sample["image"]
        labels.append(sample["label"])
        if images is None:
            images = np.empty((len(indices), *image.shape), image.dtype)
        if image.shape != images.shape[1:]:
            raise UserError(
                f"images of one batch differ in shape (height, width, channels): {images.shape[1:]} and {image.shape}; "
                "end the pipeline's geometry with Resize, CenterCrop, RandomCrop or RandomResizedCrop to a fixed size"
            )
        images[row] = image
    assert images is not None
    return {"image": images, "label": np.array(labels, np.int32)}
