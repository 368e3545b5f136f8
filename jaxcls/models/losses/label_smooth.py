"""Cross entropy with smoothed labels (mmcls/models/losses/label_smooth_loss.py)."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from jaxcls.errors import UserError
from jaxcls.models.losses.loss import (
    Loss,
    one_hot_like,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)

SMOOTHING_MODES = ("original", "classy_vision", "multi_label")


@dataclasses.dataclass(frozen=True)
class LabelSmoothLoss(Loss):
    """Cross entropy with smoothed labels (Szegedy et al. 2015, https://arxiv.org/abs/1512.00567).

    With ε = `label_smooth_val`, y the label (one-hot, or a mixture of such) and K classes, the target is:
    `original`: (1 - ε) y + ε / K; `classy_vision`: (y + ε / K) / (1 + ε); `multi_label`: 1 - ε where y > 0, else ε,
    with the binary cross entropy.

    The original ignores `loss_weight` and `reduction` up to 1.0.0rc0; here both hold, as in its later versions.

    Args:
        label_smooth_val: in [0, 1).
        num_classes: checked against the logits where given.
        mode: `original`, `classy_vision` or `multi_label`.
    """

    label_smooth_val: float
    num_classes: int | None = None
    mode: str = "original"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.label_smooth_val < 1:
            raise UserError(f"label_smooth_val: {self.label_smooth_val!r} is not in [0, 1)")
        if self.mode not in SMOOTHING_MODES:
            raise UserError(f"mode: {self.mode!r} is not one of {', '.join(SMOOTHING_MODES)}")

    @property
    def for_several_labels(self) -> str:
        """The mode for them."""
        return "" if self.mode == "multi_label" else "mode='multi_label'"

    def unreduced(self, logits: jax.Array, label: jax.Array) -> jax.Array:
        """(N, K) in mode `multi_label`, else (N,)."""
        num_classes = logits.shape[-1]
        if self.num_classes not in (None, num_classes):
            raise UserError(f"num_classes is {self.num_classes}, but cls_score has {num_classes} classes")
        label, eps = one_hot_like(label, logits), self.label_smooth_val
        if self.mode == "multi_label":
            return sigmoid_cross_entropy(logits, jnp.where(label > 0, 1 - eps, eps))
        if self.mode == "classy_vision":
            eps = eps / (1 + eps)
        return softmax_cross_entropy(logits, label * (1 - eps) + eps / num_classes)
