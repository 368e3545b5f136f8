"""A source and its transforms -> a `Dataset`; a dataset -> batches; batches -> an iterator that works ahead.

Every batch is a pure function of (dataset, seed, step): the order and all randomness follow from these alone, whatever
the number of threads or processes and wherever a run is resumed.
"""

from __future__ import annotations

import dataclasses
import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from jaxcls.builder import build, plain
from jaxcls.data import sources, transforms
from jaxcls.data.loader import Loader
from jaxcls.data.sources.base import Source
from jaxcls.data.transforms import LoadImageFromFile, Normalize
from jaxcls.data.transforms.base import ImageTransform, Sample
from jaxcls.data.transforms.formatting import Formatting
from jaxcls.errors import UserError

__all__ = ["Dataset", "EvalBatches", "Loader", "TrainBatches", "build_dataset", "build_pipeline", "build_transform"]

Transform = Callable[[Sample, np.random.Generator], Sample]
Batch = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A source, the transforms that run on the host, and the normalisation that runs on the device."""

    source: Source
    transforms: tuple[Transform, ...] = ()
    normalize: Normalize | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes' names."""
        return self.source.classes

    @property
    def labels(self) -> np.ndarray:
        """int32 (n,)."""
        return self.source.labels

    def __len__(self) -> int:
        return len(self.source)

    def sample(self, index: int, rng: np.random.Generator) -> Sample:
        """The source's sample with the host's transforms applied."""
        sample = self.source[index]
        for transform in self.transforms:
            sample = transform(sample, rng)
        return sample


def build_transform(config: Mapping[str, Any], where: str = "transform") -> Any:
    """The transform that a config node describes, called as `transform(sample, rng)`."""
    return build(config, transforms, where)


def build_pipeline(
    configs: Iterable[Mapping[str, Any]], where: str = "pipeline"
) -> tuple[tuple[Transform, ...], Normalize | None]:
    """The host's transforms and the device's normalisation of a pipeline.

    Raises:
        UserError: an image transform stands after `Normalize`, or there are two of them.
    """
    built = [build_transform(config, f"{where}[{i}]") for i, config in enumerate(configs)]
    steps = [step for step in built if not isinstance(step, Formatting)]
    places = [i for i, step in enumerate(steps) if isinstance(step, Normalize)]
    if not places:
        return tuple(steps), None
    if places != [len(steps) - 1]:
        raise UserError(
            f"{where}: Normalize runs on the device and has to be the last image transform, once; "
            f"got {', '.join(type(step).__name__ for step in steps)}"
        )
    *host, normalize = steps
    # The original's images are BGR here and stay so.
    reads_files = any(isinstance(step, LoadImageFromFile) for step in host)
    if reads_files and not normalize.to_rgb:
        normalize = dataclasses.replace(normalize, bgr=True)
    return tuple(host), normalize


def build_dataset(config: Mapping[str, Any], where: str = "data.train") -> Dataset:
    """The dataset of a config node: a source's `type` and arguments, and a `pipeline` (a list of transforms).

    Raises:
        UserError: an argument is wrong, the source is empty, or source and pipeline do not fit.
    """
    arguments = plain(config)
    pipeline = arguments.pop("pipeline", ()) if isinstance(arguments, dict) else ()
    host, normalize = build_pipeline(pipeline, f"{where}.pipeline")
    source = build(arguments, sources, where)
    if len(source) == 0:
        raise UserError(f"{where}: the source has no samples")
    first, name = source[0], type(source).__name__
    if "filename" not in first and any(isinstance(step, LoadImageFromFile) for step in host):
        raise UserError(f"{where}.pipeline: {name} gives images; remove LoadImageFromFile")
    if "image" not in first and (not host or isinstance(host[0], ImageTransform)):
        raise UserError(f"{where}.pipeline: {name} gives file names; begin with LoadImageFromFile")
    return Dataset(source, host, normalize)


class Batches(ABC):
    """A random-access sequence of one process's host batches; `len()` is the number of steps in an epoch."""

    endless: ClassVar[bool]  # whether items go on beyond `len()`

    def __init__(self, dataset: Dataset, batch_size: int, process_index: int = 0, process_count: int = 1) -> None:
        if batch_size < 1 or batch_size % process_count:
            raise UserError(f"batch_size={batch_size!r}: expected a positive multiple of the {process_count} processes")
        self.dataset, self.batch_size = dataset, batch_size
        self._share = batch_size // process_count
        self._first = process_index * self._share

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.batch_size)

    @abstractmethod
    def __getitem__(self, step: int) -> Batch: ...

    def _positions(self, step: int) -> np.ndarray:
        """The process's places in the epoch at its `step`-th step; the last step's go beyond the dataset's end."""
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

    Returns:
        `image`: uint8 (B/P, H, W, C), `label`: int32 (B/P,).
    """

    endless = True

    def __init__(
        self, dataset: Dataset, batch_size: int, seed: int, process_index: int = 0, process_count: int = 1
    ) -> None:
        super().__init__(dataset, batch_size, process_index, process_count)
        if seed < 0:
            raise UserError(f"seed={seed!r}: expected 0 or more")
        self.seed = seed

    @property
    def steps_per_epoch(self) -> int:
        """ceil(n / B)."""
        return len(self)

    def __getitem__(self, step: int) -> Batch:
        epoch, step_in_epoch = divmod(step, self.steps_per_epoch)
        positions = self._positions(step_in_epoch)
        order = _epoch_order(len(self.dataset), self.seed, epoch)
        return _assemble(self.dataset, order[positions % len(order)], _SampleRng(self.seed, epoch), positions)


class EvalBatches(Batches):
    """All samples once, in order; the last batch is padded with repetitions whose `mask` is 0.

    Args:
        dataset: what to read.
        batch_size: of all processes together, B.
        process_index: which of the B / process_count rows to make.
        process_count: P.

    Returns:
        `image`: uint8 (B/P, H, W, C), `label`: int32 (B/P,), `mask`: float32 (B/P,).
    """

    endless = False

    def __getitem__(self, step: int) -> Batch:
        if not 0 <= step < len(self):
            raise IndexError(step)
        positions = self._positions(step)
        indices = np.minimum(positions, len(self.dataset) - 1)
        batch = _assemble(self.dataset, indices, _SampleRng(0, 0), indices)
        return {**batch, "mask": (positions < len(self.dataset)).astype(np.float32)}


@functools.lru_cache(maxsize=4)
def _epoch_order(length: int, seed: int, epoch: int) -> np.ndarray:
    order = np.random.default_rng((seed, epoch)).permutation(length)
    order.setflags(write=False)
    return order


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


def _assemble(dataset: Dataset, indices: np.ndarray, rng: _SampleRng, positions: np.ndarray) -> Batch:
    """The batch of the samples `indices`, with the random streams of `positions`."""
    labels = np.empty(len(indices), np.int32)
    images: np.ndarray | None = None
    for row, (index, position) in enumerate(zip(indices.tolist(), positions.tolist(), strict=True)):
        sample = dataset.sample(index, rng.at(position))
        image, labels[row] = sample["image"], sample["label"]
        if images is None:
            images = np.empty((len(indices), *image.shape), image.dtype)
        if image.shape != images.shape[1:]:
            raise UserError(
                f"images of one batch differ in shape (height, width, channels): {images.shape[1:]} and {image.shape}; "
                "end the pipeline's geometry with Resize, CenterCrop, RandomCrop or RandomResizedCrop to a fixed size"
            )
        images[row] = image
    assert images is not None
    return {"image": images, "label": labels}
