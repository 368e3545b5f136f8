"""Backbone, neck and head as one module (mmcls/models/classifiers/image.py)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from jaxcls.errors import ImageSizeError, UserError, close_names
from jaxcls.models.backbones.layout import Layout
from jaxcls.models.distillation import Distillation
from jaxcls.models.heads.cls_head import Head

__all__ = ["ImageClassifier"]

STAGES = ("backbone", "neck", "pre_logits")
Batches = list[Array] | tuple[Array, ...]
AVERAGES = ("scores", "logits")  # of several views: after or before softmax or sigmoid


class ImageClassifier(nn.Module):
    """Images (N, H, W, C), float32 and normalised, -> logits (N, K).

    Attributes:
        backbone: images -> a tuple of features.
        neck: features -> features, or None.
        head: features -> logits; owns the loss.
        init_cfg: initial values for all layers below that no module of their own speaks for.

    Raises:
        UserError: the head counts the loss of an auxiliary classifier that the backbone does not have.
    """

    backbone: nn.Module
    head: nn.Module
    neck: nn.Module | None = None
    init_cfg: Any = None

    def __post_init__(self) -> None:
        weight = getattr(self.head, "aux_weight", 0)
        if weight and not getattr(self.backbone, "aux_logits", False):
            name = type(self.backbone).__name__
            raise UserError(
                f"head.aux_weight={weight}: {name} has no auxiliary classifier; InceptionV3 has, with aux_logits"
            )
        super().__post_init__()

    def __call__(self, images: Array) -> Array:
        """Logits (N, K), float32, in evaluation mode, without softmax; (B, N, K) of a head with branches."""
        logits = self.head(self.extract_feat(images)).astype(jnp.float32)
        if self.is_initializing() and isinstance(self.head, Head):
            self.head.start_counting(logits.shape[-1])
        return logits

    def extract_feat(self, images: Array, stage: str = "neck", train: bool = False) -> Any:
        """Features after the `backbone` or the `neck` (a tuple), or the head's `pre_logits` (N, D)."""
        if stage not in STAGES:
            raise UserError(f"extract_feat: stage={stage!r}; allowed: {', '.join(STAGES)}")
        features = self._features(images, train)
        if stage == "backbone":
            return features
        if self.neck is not None:
            features = self.neck(features, train)
        return self.head.pre_logits(features, train) if stage == "pre_logits" else features

    def _features(self, images: Array, train: bool) -> tuple[Any, ...]:
        name, channels = type(self.backbone).__name__, getattr(self.backbone, "in_channels", None)
        if channels not in (None, images.shape[-1]):
            raise UserError(f"{name}: in_channels={channels}, but the images have {images.shape[-1]} channels")
        try:
            return self.backbone(images, train)
        except ImageSizeError as error:
            size, least = "x".join(map(str, images.shape[1:3])), least_size(self.backbone, images.shape)
            hint = f"the least size is {least}x{least}" if least else "and so are all others"
            raise UserError(f"{name}: images of {size} pixels are too small, {hint} ({error})") from error

    def forward_train(
        self, images: Array, labels: Array, mask: Array | None = None, train: bool = True
    ) -> dict[str, Any]:
        """The head's dict of losses.

        Args:
            images: (N, H, W, C).
            labels: (N,) int, or (N, K) where soft.
            mask: (N,), 0 for images that do not count.
            train: batch statistics, dropout and stochastic depth on.
        """
        features = self.extract_feat(images, train=train)
        return self._losses(features, self.head(features, train), labels, mask, train)

    def _losses(
        self, features: Any, logits: Array, labels: Array, mask: Array | None = None, train: bool = True
    ) -> dict[str, Any]:
        losses = self.head.losses(logits.astype(jnp.float32), labels, mask)
        if train and isinstance(self.head, Head):
            losses |= self.head.auxiliary_losses(features, labels, mask)
        return losses

    def forward_distill(
        self, images: Array, labels: Array, taught: Array, distillation: Distillation
    ) -> dict[str, Any]:
        """The dict of losses of a student.

        Args:
            images: (N, H, W, C).
            labels: (N,) int, or (N, K) where soft.
            taught: the teacher's logits (N, K).
            distillation: how they count.
        """
        features, logits, of_teacher = self.forward_student(images)
        return distillation.losses(self._losses(features, logits, labels), of_teacher, taught)

    def forward_student(self, images: Array) -> tuple[Any, Array, Array]:
        """In training, features and the logits that learn from the labels and from a teacher."""
        features = self.extract_feat(images, train=True)
        return features, *self.head.student_logits(features, True)

    def evaluate(
        self, images: Array | Batches, labels: Array, mask: Array | None = None, average: str = "scores"
    ) -> tuple[Array, dict[str, Any]]:
        """Scores (N, K) and the dict of losses, both in evaluation mode.

        Args:
            images: (N, H, W, C), or a list of views, each of the N images, whose mean logits have the losses.
            labels: (N,) int, or (N, K).
            mask: (N,), 0 for images that do not count.
            average: as `aug_test` takes it.
        """
        if not isinstance(images, list | tuple):
            logits = self(images)
            return self.head.scores(logits), self.head.losses(logits, labels, mask)
        logits = self._logits_of_views(images)
        return self._average(logits, average), self.head.losses(jnp.mean(logits, 0), labels, mask)

    def forward_test(self, images: Array | Batches, average: str = "scores") -> Array:
        """Scores (N, K): `simple_test` of one batch (N, H, W, C), `aug_test` of a list of several."""
        if not isinstance(images, list | tuple):
            return self.simple_test(images)
        return self.simple_test(images[0]) if len(images) == 1 else self.aug_test(images, average)

    def simple_test(self, images: Array) -> Array:
        """Scores (N, K) of images (N, H, W, C), in evaluation mode."""
        return self.head.scores(self(images))

    def aug_test(self, views: Batches, average: str = "scores") -> Array:
        """Scores (N, K) of N images by the mean over several views of each.

        Args:
            views: each (N, H, W, C); sizes may differ.
            average: `scores`, after softmax or sigmoid, or `logits`, before.

        Raises:
            UserError: another `average`, no view, or views of different numbers of images.
        """
        return self._average(self._logits_of_views(views), average)

    def _logits_of_views(self, views: Batches) -> Array:
        """(V, N, K), or (V, B, N, K) of branches. Views of one size take turns: memory is that of one."""
        if len({len(view) for view in views}) != 1:
            raise UserError(f"views of {[len(view) for view in views]} images; expected one view or more of the same")
        sizes: dict[tuple[int, ...], list[Array]] = {}
        for view in views:
            sizes.setdefault(view.shape, []).append(view)
        in_turn = nn.scan(lambda module, carry, view: (carry, module(view)), variable_broadcast=True)
        return jnp.concatenate([in_turn(self, (), jnp.stack(group))[1] for group in sizes.values()])

    def _average(self, logits: Array, average: str) -> Array:
        """Scores (N, K) of the logits of V views (V, …)."""
        if average not in AVERAGES:
            raise UserError(f"average={average!r}; {close_names(str(average), AVERAGES)}")
        if average == "logits":
            return self.head.scores(jnp.mean(logits, 0))
        return jnp.mean(jnp.stack([self.head.scores(each) for each in logits]), 0)

    def is_frozen(self, path: tuple[str, ...]) -> bool:
        """Whether the parameter at `path` stays as it is in training."""
        return path[0] == "backbone" and self.backbone.is_frozen(path[1:])

    @property
    def layout(self) -> Layout | None:
        """Where the backbone's layers lie."""
        return getattr(self.backbone, "layout", None)

    @nn.nowrap
    def resize_on_load(self, path: tuple[str, ...], value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """A checkpoint's parameter in `shape`, where it is one of those that depend on the size of images or windows.

        What loads weights calls this for each parameter, then refuses those whose shape still differs.
        """
        return self.backbone.resize_on_load(path[1:], value, shape) if path[0] == "backbone" else value


def least_size(backbone: nn.Module, refused: tuple[int, ...], most: int = 1024) -> int | None:
    """The least side of square images that a backbone takes, in pixels; None where none up to `most` will do.

    It is found by trying shapes, without computing.

    Args:
        backbone: the module.
        refused: shape (N, H, W, C) of images that are too small for it.
        most: where the search ends, in pixels.
    """
    free = backbone.clone(parent=None)

    def is_enough(side: int) -> bool:
        images = jax.ShapeDtypeStruct((1, side, side, refused[-1]), jnp.float32)
        try:
            jax.eval_shape(free.init, jax.random.key(0), images)
        except UserError:
            return False
        return True

    too_small, further = min(refused[1:3]), 1
    while not is_enough(enough := too_small + further):
        too_small, further = enough, 2 * further
        if too_small >= most:
            return None
    while enough - too_small > 1:
        middle = (too_small + enough) // 2
        too_small, enough = (too_small, middle) if is_enough(middle) else (middle, enough)
    return enough
