"""A source, the transforms of its samples, and what happens to damaged images."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from jaxcls.data.decode import DamagedImageError
from jaxcls.data.sources.base import Source
from jaxcls.data.sources.files import some
from jaxcls.data.sources.labels import check_labels, images_of_each, in_terms_of
from jaxcls.data.transforms import Normalize
from jaxcls.data.transforms.base import OnDevice, Sample, check_choice
from jaxcls.errors import UserError

if TYPE_CHECKING:  # processes that make batches need no JAX, which takes long to import
    import jax

Transform = Callable[[Sample, np.random.Generator], Sample]
_log = logging.getLogger("jaxcls")


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A source, the transforms that run on the host, and the normalisation that runs on the device.

    Args:
        source: where the samples come from.
        transforms: of the host.
        normalize: of the device.
        random_on_device: random transforms of the device, in training, before `normalize`.
        on_error: what training does about an image that is missing or damaged: `raise`, or `skip`: it is reported
            once, and the next image takes its place. Evaluation always raises: its numbers would change.
        max_errors: with `skip`, how many images may be so.
    """

    source: Source
    transforms: tuple[Transform, ...] = ()
    normalize: Normalize | None = None
    random_on_device: tuple[OnDevice, ...] = ()
    on_error: str = "raise"
    max_errors: int = 100
    damaged: dict[int, str] = dataclasses.field(default_factory=dict, init=False, compare=False)  # index -> message

    def __post_init__(self) -> None:
        check_choice("on_error", self.on_error, ("raise", "skip"))
        if self.max_errors < 0:
            raise UserError(f"max_errors={self.max_errors!r}: expected 0 or more")

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes' names."""
        return self.source.classes

    @property
    def labels(self) -> np.ndarray:
        """int32 (n,), or (n, K) with several labels an image."""
        return self.source.labels

    @functools.cached_property
    def image(self) -> jax.ShapeDtypeStruct:
        """The shape (H, W, C) and dtype of its images as they travel: those of the first one."""
        import jax

        image = self.readable_sample(0, np.random.default_rng(0))["image"]
        return jax.ShapeDtypeStruct(image.shape, image.dtype)

    def __len__(self) -> int:
        return len(self.source)

    def in_terms_of(self, classes: Sequence[str], where: str, reference: str) -> Dataset:
        """The dataset with its labels in terms of the classes of another one, the reference, by their names.

        Classes that have no image here are named in a warning.

        Args:
            classes: the reference's.
            where: what to call this dataset in messages.
            reference: what to call the reference.

        Raises:
            UserError: this dataset has another class, or a label that is none of its own.
        """
        check_labels(self.source, where)
        source = in_terms_of(self.source, classes, where, reference)
        counts = images_of_each(source.labels, len(classes))
        if missing := [name for name, count in zip(classes, counts, strict=True) if not count]:
            lacks = f"{where} lacks {len(missing)} of the {len(classes)} classes of {reference}"
            _log.warning("%s: %s", lacks, some(missing))
        return dataclasses.replace(self, source=source)

    @property
    def varying(self) -> list[str]:
        """The host's transforms that may give something else each time, by name."""
        return [type(step).__name__ for step in self.transforms if getattr(step, "varies", True)]

    def sample(self, index: int, rng: np.random.Generator) -> Sample:
        """The source's sample with the host's transforms applied."""
        sample = self.source[index]
        for transform in self.transforms:
            sample = transform(sample, rng)
        return sample

    def readable_sample(self, index: int, rng: np.random.Generator) -> Sample:
        """As `sample`, or with `skip` the first one from `index` on that is not damaged."""
        if self.on_error == "raise":
            return self.sample(index, rng)
        for other in itertools.count(index):
            try:
                return self.sample(other % len(self), rng)
            except DamagedImageError as error:
                self.note(other % len(self), error)
        raise AssertionError("not reached")

    @property
    def in_turn(self) -> bool:
        """Whether the device's transforms look at which images these are, and when."""
        return any(transform.in_turn for transform in self.random_on_device)

    @property
    def augment_images(self) -> Callable[[jax.Array, Mapping[str, jax.Array]], jax.Array] | None:
        """(key, batch) -> its images (N, H, W, C) after the device's random transforms; None without any.

        With `in_turn` the batch has `index` and `epoch` (N,) beside its `image`.
        """
        if not self.random_on_device:
            return None
        import jax

        def augment_images(key: jax.Array, batch: Mapping[str, jax.Array]) -> jax.Array:
            images, keys = batch["image"], jax.random.split(key, len(self.random_on_device))
            for transform, own in zip(self.random_on_device, keys, strict=True):
                if self.in_turn:
                    images = transform.augment_in_turn(own, images, batch["index"], batch["epoch"])
                else:
                    images = transform.augment_images(own, images)
            return images

        return augment_images

    def note(self, index: int, error: DamagedImageError | str) -> None:
        """Reports a damaged image, once.

        Raises:
            UserError: there are too many.
        """
        if index in self.damaged:
            return
        self.damaged[index] = str(error)
        count = [*self.damaged].index(index) + 1  # whatever other workers have noted since
        if count > min(self.max_errors, len(self) - 1):
            raise UserError(f"{count} damaged images, max_errors={self.max_errors}; the last: {error}")
        _log.warning("%s; the next image takes its place (%d so far)", error, count)
