"""A model as one pure function: images as they travel in, scores out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from flax import linen as nn
from flax import traverse_util
from jax import Array

from jaxcls.errors import UserError
from jaxcls.inference.model import Model
from jaxcls.models.classifier import ImageClassifier
from jaxcls.models.deploy import deploy


class Program:
    """`program(weights, images)`: the scores that an evaluation gives.

    Attributes:
        weights: name -> float32 array.
        image: shape (H, W, C) and type of an image after the host's transforms, uint8 unless the pipeline says else.

    Args:
        model: whose scores.
        deployed: take the classifier that `jaxcls.deploy` gives.
    """

    def __init__(self, model: Model, deployed: bool = False) -> None:
        classifier: nn.Module = model.classifier
        variables: Mapping[str, Any] = model.variables
        if deployed:
            if not isinstance(classifier, ImageClassifier):
                raise UserError(f"deploy: takes an ImageClassifier, the model is a {type(classifier).__name__}")
            classifier, variables = deploy(classifier, variables, model.image_shape)  # type: ignore[arg-type]
        flat = traverse_util.flatten_dict(jax.device_get(dict(variables)))
        self.weights: dict[str, np.ndarray] = {".".join(path): leaf for path, leaf in flat.items()}
        self._paths, self._classifier = tuple(flat), classifier
        self._precision, self._preprocess = model.network.precision, model.network.inputs.preprocess
        pixels = model.preprocess.pixels(np.zeros(model.image_shape, np.uint8))
        self.image = jax.ShapeDtypeStruct(pixels.shape, pixels.dtype)

    def __call__(self, weights: list[Array], images: Array) -> Array:
        """Scores (N, K), float32, of the images (N, H, W, C); the weights in the order of `self.weights`."""
        variables = traverse_util.unflatten_dict(dict(zip(self._paths, weights, strict=True)))
        images = self._precision.cast_images(self._preprocess(images))
        scores: Array = self._classifier.apply(self._precision.cast(variables), images, method="predict")  # type: ignore[assignment]
        return scores
