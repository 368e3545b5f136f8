"""Focal loss (mmcls/models/losses/focal_loss.py)."""

from __future__ import annotations

import dataclasses

import jax

from jaxcls.models.losses.loss import (
    Loss,
    focus,
    one_hot_like,
    sigmoid_cross_entropy,
)


@dataclasses.dataclass(frozen=True)
class FocalLoss(Loss):
    """Sigmoid focal loss (Lin et al. 2017, https://arxiv.org/abs/1708.02002), element-wise.

    Args:
        gamma: the focusing exponent.
        alpha: the weight of the positives; the negatives' is 1 - alpha.
    """

    gamma: float = 2.0
    alpha: float = 0.25

    def unreduced(self, logits: jax.Array, label: jax.Array) -> jax.Array:
        """(N, K)."""
        label, prob = one_hot_like(label, logits), jax.nn.sigmoid(logits)
        miss = (1 - prob) * label + prob * (1 - label)
        balance = self.alpha * label + (1 - self.alpha) * (1 - label)
        return sigmoid_cross_entropy(logits, label) * balance * focus(miss, self.gamma)
