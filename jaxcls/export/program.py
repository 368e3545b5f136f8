"""A model as one pure function: images as they travel in, scores out."""

from __future__ import annotations

import jax
import numpy as np
from flax import traverse_util
from jax import Array

from jaxcls.inference.model import Model


class Program:
    """`program(weights, images)`: the scores that an evaluation gives.

    Attributes:
        weights: name -> float32 array.
        image: shape (H, W, C) and type of an image after the host's transforms, uint8 unless the pipeline says else.

    Args:
        model: whose scores.
    """

    def __init__(self, model: Model) -> None:
        flat = traverse_util.flatten_dict(jax.device_get(dict(model.variables)))
        self.weights: dict[str, np.ndarray] = {".".join(path): leaf for path, leaf in flat.items()}
        self._paths, self._classifier = tuple(flat), model.classifier
        self._precision, self._preprocess = model.network.precision, model.preprocess.on_device
        pixels = model.preprocess.on_host({"image": np.zeros(model.image_shape, np.uint8)})["image"]
        self.image = jax.ShapeDtypeStruct(pixels.shape, pixels.dtype)

    def __call__(self, weights: list[Array], images: Array) -> Array:
        """Scores (N, K), float32, of the images (N, H, W, C); the weights in the order of `self.weights`."""
        variables = traverse_util.unflatten_dict(dict(zip(self._paths, weights, strict=True)))
        images = self._precision.cast_images(self._preprocess(images))
        scores: Array = self._classifier.apply(self._precision.cast(variables), images, method="forward_test")  # type: ignore[assignment]
        return scores
