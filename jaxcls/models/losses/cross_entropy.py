"""Cross entropy (mmcls/models/losses/cross_entropy_loss.py)."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from jaxcls.errors import UserError
from jaxcls.models.losses.loss import (
    BALANCED,
    Loss,
    Weights,
    same_shape,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)


@dataclasses.dataclass(frozen=True)
class CrossEntropyLoss(Loss):
    """Cross entropy over softmax or sigmoid.

    Over softmax, labels are class indices (N,) or probabilities (N, K), as in PyTorch's `cross_entropy`, so that
    mixup's labels need no other loss.

    Args:
        use_sigmoid: binary cross entropy of each class; labels (N, K).
        use_soft: only probabilities (N, K) as labels.
        class_weight: a factor for each class; the sum is not divided by the weights. "balanced": training takes
            n / (K n_k), with n_k of the n images in class k.
        pos_weight: a factor for the positives of each class, with `use_sigmoid`. "balanced": training takes
            (n - n_k) / n_k.
    """

    use_sigmoid: bool = False
    use_soft: bool = False
    class_weight: Weights = None
    pos_weight: Weights = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.use_sigmoid and self.use_soft:
            raise UserError("use_sigmoid and use_soft exclude each other")
        if self.pos_weight is not None and not self.use_sigmoid:
            raise UserError("pos_weight needs use_sigmoid=True")
        for name in ("class_weight", "pos_weight"):  # a list would make the loss unhashable
            if getattr(self, name) not in (None, BALANCED):
                object.__setattr__(self, name, tuple(map(float, getattr(self, name))))

    @property
    def for_several_labels(self) -> str:
        """`use_sigmoid`; with `use_soft` rows are meant to be probabilities."""
        return "" if self.use_sigmoid or self.use_soft else "use_sigmoid=True"

    def unreduced(self, logits: jax.Array, label: jax.Array) -> jax.Array:
        """(N, K) with `use_sigmoid`, else (N,)."""
        if self.use_sigmoid:
            label = same_shape(label, logits).astype(jnp.float32)
            return sigmoid_cross_entropy(logits, label, self.class_weight, self.pos_weight)
        if self.use_soft or label.shape != logits.shape[:1]:
            same_shape(label, logits)
        return softmax_cross_entropy(logits, label, self.class_weight)
