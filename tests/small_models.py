"""Models of a few thousand weights, as `init_model` gives trained ones, without a training or a compilation."""

from __future__ import annotations

import numpy as np

from jaxcls.inference import Model
from tests.models.families import FAMILIES
from tests.models.filled import filled


class Filled(Model):
    """With weights of a trained network's order; `checkpoint`, a number as text, is their seed."""

    def _load(self, checkpoint, weights):
        return filled(self.network.classifier, np.zeros((1, *self.image_shape), np.float32), int(checkpoint or 1))


def model_of(name, precision="float32", seed="1", deploy=False):
    """The small variant of a family for uint8 images of its size, of eight classes."""
    family = FAMILIES[name]
    config = {
        "type": "ImageClassifier",
        "backbone": {"type": name, **family.arguments},
        "neck": family.neck,
        "head": {"type": family.head},
    }
    if family.width is not None:
        config["head"] |= {"num_classes": 8, "in_channels": family.width}
    channels = family.channels
    normalize = {"type": "Normalize", "mean": [120.0] * channels, "std": [60.0] * channels}
    description = {
        "model": config,
        "precision": precision,
        "classes": [f"class {k}" for k in range(8)],
        "image_shape": (family.size, family.size, channels),
        "pipeline": [normalize],
        "batch_size": 8,
    }
    return Filled(description, seed, deploy)


def pictures(model, count=3):
    """Random ones of its size."""
    return np.random.default_rng(0).integers(0, 256, (count, *model.image_shape), np.uint8)
