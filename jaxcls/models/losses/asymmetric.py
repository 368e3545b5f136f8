"""Asymmetric loss (mmcls/models/losses/asymmetric_loss.py)."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from jaxcls.models.losses.loss import (
    Loss,
    focus,
    one_hot_like,
)


@dataclasses.dataclass(frozen=True)
class AsymmetricLoss(Loss):
    """Asymmetric loss (Ridnik et al. 2020, https://arxiv.org/abs/2009.14119), element-wise.

    Args:
        gamma_pos: the focusing exponent of the positives.
        gamma_neg: that of the negatives.
        clip: the margin by which the negatives' probability is lowered.
        use_sigmoid: probabilities by sigmoid, else by softmax.
        eps: the least probability inside the logarithm.
    """

    gamma_pos: float = 0.0
    gamma_neg: float = 4.0
    clip: float | None = 0.05
    use_sigmoid: bool = True
    eps: float = 1e-8

    def unreduced(self, logits: jax.Array, label: jax.Array) -> jax.Array:
        """(N, K)."""
        label = one_hot_like(label, logits)
        prob = jax.nn.sigmoid(logits) if self.use_sigmoid else jax.nn.softmax(logits)
        right = jnp.minimum(1 - prob + (self.clip or 0.0), 1.0) * (1 - label) + prob * label
        gamma = self.gamma_pos * label + self.gamma_neg * (1 - label)
        return -jnp.log(jnp.maximum(right, self.eps)) * focus(1 - right, gamma)
