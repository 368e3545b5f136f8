"""Seesaw loss (Wang et al. 2021, arXiv:2008.10032; mmcls/models/losses/seesaw_loss.py)."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import lax

from jaxcls.errors import UserError
from jaxcls.models.losses.loss import Loss, softmax_cross_entropy


@dataclasses.dataclass(frozen=True)
class SeesawLoss(Loss):
    """Cross entropy that pushes a rare class less for each image of a frequent one; labels are class indices (N,).

    How often each class has come up since training began is in the train state, summed over the devices.

    Args:
        use_sigmoid: there is none.
        p: exponent of the ratio of two classes' counts; 0: counts do not matter.
        q: exponent by which a class that is mistaken for the label is pushed more; 0: it is not.
        num_classes: K.
        eps: the least probability of the label in that ratio.
    """

    use_sigmoid: bool = False
    p: float = 0.8
    q: float = 2.0
    num_classes: int = 1000
    eps: float = 1e-2

    counts_classes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.use_sigmoid:
            raise UserError("use_sigmoid=True; this loss is over softmax only")

    def unreduced(self, logits: jax.Array, label: jax.Array, class_counts: jax.Array | None = None) -> jax.Array:
        """(N,). `class_counts` (K,), this batch's among them; None: this batch's alone."""
        num_classes = logits.shape[-1]
        if num_classes != self.num_classes:
            raise UserError(f"num_classes is {self.num_classes}, but cls_score has {num_classes} classes")
        if label.ndim != 1:
            raise UserError(f"label has shape {label.shape}, expected class indices (N,)")
        counts = jax.nn.one_hot(label, num_classes).sum(0) if class_counts is None else class_counts
        log_weights = jnp.zeros_like(logits)  # the label's own stay 0
        if self.p > 0:
            counts = jnp.maximum(counts, 1.0)
            log_weights += self.p * jnp.log(jnp.minimum(counts / counts[label][:, None], 1.0))
        if self.q > 0:
            scores = lax.stop_gradient(jax.nn.softmax(logits))
            label_score = jnp.maximum(jnp.take_along_axis(scores, label[:, None], axis=1), self.eps)
            log_weights += self.q * jnp.log(jnp.maximum(scores / label_score, 1.0))
        return softmax_cross_entropy(logits + log_weights, label)
