"""What heads have in common that a second layer, taught by another model, belongs to."""

from __future__ import annotations

from typing import ClassVar

from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.heads.cls_head import WITHOUT_TEACHER, Features, Head


class DistilledHead(Head):
    """Features (N, in_channels) -> logits (N, num_classes), with `distillation` the mean of two layers' logits.

    Attributes:
        names: of the two layers.
        num_classes: K.
        in_channels: of the features.
        distillation: there is a second layer, which learns from a teacher. Without one neither trains, as in the
            original.

    Raises:
        UserError: no classes, or training with `distillation` and without a teacher.
    """

    names: ClassVar[tuple[str, str]]

    num_classes: int = 1000
    in_channels: int | None = None
    distillation: bool = True

    def __post_init__(self) -> None:
        if self.num_classes <= 0:
            raise UserError(f"num_classes={self.num_classes}; at least 1")
        super().__post_init__()

    def layer(self, x: Array, name: str, train: bool) -> Array:
        """What the layer of that name gives: (N, in_channels) -> (N, num_classes)."""
        raise NotImplementedError

    @property
    def needs_teacher(self) -> bool:
        """With `distillation`."""
        return self.distillation

    def __call__(self, features: Features, train: bool = False) -> Array:
        """Logits; `train` is refused with `distillation`."""
        if train and self.distillation:
            raise UserError(f"{type(self).__name__}: {WITHOUT_TEACHER}")
        of_labels, of_teacher = self.student_logits(features, train)
        return (of_labels + of_teacher) / 2 if self.distillation else of_labels

    @nn.compact
    def student_logits(self, features: Features, train: bool = False) -> tuple[Array, Array]:
        """The first layer's logits and, with `distillation`, the second's, each (N, num_classes)."""
        x = self.pre_logits(features, train)
        logits = self.layer(x, self.names[0], train)
        return logits, self.layer(x, self.names[1], train) if self.distillation else logits
