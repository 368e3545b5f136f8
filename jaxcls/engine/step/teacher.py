"""A trained network that a training step asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.engine.step.precision import Precision
from jaxcls.models.distillation import Distillation
from jaxcls.models.heads.cls_head import total

PyTree = Any


@dataclass(frozen=True)
class Teacher:
    """It runs in evaluation mode, on the images that the student sees, mixed ones too. Nothing of it is trained.

    Attributes:
        classifier: an unbound module.
        variables: its own, which the step takes as an argument, placed like the state.
        distillation: what the student learns.
        see: the student's images (N, H, W, C) -> its own; None: the same.
        columns: where the student's K classes stand among its own; None: it has the same.
    """

    classifier: nn.Module
    variables: PyTree
    distillation: Distillation
    see: Callable[[Array], Array] | None = None
    columns: Sequence[int] | None = None

    def logits(self, variables: PyTree, images: Array, precision: Precision) -> Array:
        """What it says of the student's images: (N, K), float32, in the student's order of classes."""
        images = images if self.see is None else self.see(images)
        logits: Array = self.classifier.apply(precision.cast(variables), precision.cast_images(images))  # type: ignore[assignment]
        logits = total(logits)
        return logits if self.columns is None else logits[:, jnp.asarray(self.columns)]
