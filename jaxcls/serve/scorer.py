"""Scores of up to a batch of images, in a few sizes that are compiled beforehand."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxcls.errors import UserError
from jaxcls.inference.model import Model

_STEP = 2  # from one size to the next


class Scorer:
    """The evaluation step of a model, whose weights can be replaced while it is used.

    Attributes:
        model: the one in use.
        sizes: numbers of images that are compiled, multiples of the devices.

    Args:
        model: what `find_model` gives.
        largest: images at a time, at most.
    """

    def __init__(self, model: Model, largest: int) -> None:
        devices = len(model.network.parallel.devices)
        self.sizes = tuple(sorted({-(-size // devices) * devices for size in _sizes(largest)}))
        self._step, self._parallel = model.evaluator([]).eval_step, model.network.parallel
        head = model.network.head
        self._label = np.zeros(len(model.classes) if head is not None and head.multi_label else (), np.int32)
        self._take(model)

    def _take(self, model: Model) -> None:
        self.model, self._variables = model, self._parallel.place_state(model.variables)

    def warm_up(self) -> None:
        """Compiles all sizes."""
        pixels = self.model.preprocess.on_host({"image": np.zeros(self.model.image_shape, np.uint8)})["image"]
        for size in self.sizes:
            self([pixels] * size)

    def replace(self, model: Model) -> None:
        """Takes another model's weights from the next batch on.

        Raises:
            UserError: it is another network, or its images or classes are others.
        """
        for key in ("model", "precision", "classes", "image_shape", "pipeline"):
            if not _same(self.model.description[key], model.description[key]):
                raise UserError(f"checkpoint {model.checkpoint}: its {key} is not that of {self.model.checkpoint}")
        self._take(model)

    def __call__(self, images: list[np.ndarray]) -> np.ndarray:
        """Scores (n, K) of n images (H, W, C), at most the largest size."""
        count = len(images)
        size = next(size for size in self.sizes if size >= count)
        pixels = np.zeros((size, *images[0].shape), images[0].dtype)
        np.stack(images, out=pixels[:count])
        mask = (np.arange(size) < count).astype(np.float32)
        batch = {"image": pixels, "label": np.repeat(self._label[None], size, 0), "mask": mask}
        return self._parallel.local_rows(self._step(self._variables, batch)[0])[:count]


def _sizes(largest: int) -> list[int]:
    sizes = [largest]
    while sizes[-1] > 1:
        sizes.append(max(sizes[-1] // _STEP, 1))
    return sizes


def _same(one: Any, other: Any) -> bool:
    return bool(one == other)
