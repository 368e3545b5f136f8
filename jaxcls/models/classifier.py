"""Backbone, neck and head as one module (mmcls/models/classifiers/image.py)."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError

__all__ = ["ImageClassifier"]

STAGES = ("backbone", "neck", "pre_logits")


class ImageClassifier(nn.Module):
    """Images (N, H, W, C), float32 and normalised, -> logits (N, K).

    Attributes:
        backbone: images -> a tuple of features.
        neck: features -> features, or None.
        head: features -> logits; owns the loss.
        init_cfg: initial values for all layers below that no module of their own speaks for.
    """

    backbone: nn.Module
    head: nn.Module
    neck: nn.Module | None = None
    init_cfg: Any = None

    def __call__(self, images: Array) -> Array:
        """Logits (N, K), float32, in evaluation mode, without softmax."""
        return self.head(self.extract_feat(images)).astype(jnp.float32)

    def extract_feat(self, images: Array, stage: str = "neck", train: bool = False) -> Any:
        """Features after the `backbone` or the `neck` (a tuple), or the head's `pre_logits` (N, D)."""
        if stage not in STAGES:
            raise UserError(f"extract_feat: stage={stage!r}; allowed: {', '.join(STAGES)}")
        features = self.backbone(images, train)
        if stage == "backbone":
            return features
        if self.neck is not None:
            features = self.neck(features)
        return self.head.pre_logits(features) if stage == "pre_logits" else features

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
        logits = self.head(self.extract_feat(images, train=train), train).astype(jnp.float32)
        return self.head.losses(logits, labels, mask)

    def evaluate(self, images: Array, labels: Array, mask: Array | None = None) -> tuple[Array, dict[str, Any]]:
        """Scores (N, K) and the dict of losses, both in evaluation mode."""
        logits = self(images)
        return self.head.scores(logits), self.head.losses(logits, labels, mask)

    def predict(self, images: Array) -> Array:
        """Scores (N, K) in evaluation mode."""
        return self.head.scores(self(images))

    def is_frozen(self, path: tuple[str, ...]) -> bool:
        """Whether the parameter at `path` stays as it is in training."""
        return path[0] == "backbone" and self.backbone.is_frozen(path[1:])

    @nn.nowrap
    def resize_on_load(self, path: tuple[str, ...], value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """A checkpoint's parameter in `shape`, where it is one of those that depend on the size of images or windows.

        What loads weights calls this for each parameter, then refuses those whose shape still differs.
        """
        return self.backbone.resize_on_load(path[1:], value, shape) if path[0] == "backbone" else value
