"""What a student learns from a teacher (Touvron et al. 2021, arXiv:2012.12877, section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxcls.errors import UserError, close_names

TYPES = ("hard", "soft")


@dataclass(frozen=True)
class Distillation:
    """The loss is (1 - alpha) L(labels) + alpha L(teacher), L(labels) being the head's own.

    L(teacher) is a mean over the images. With the student's logits s and the teacher's t it is
    `hard`: the cross entropy of s with the class that is best in t;
    `soft`: tau ** 2 KL(softmax(t / tau) || softmax(s / tau)), the sum over the classes as in the paper; the authors'
    code divides by their number besides.

    Attributes:
        type: `hard` or `soft`.
        alpha: from 0 to 1. The paper has 0.5 for hard and 0.1 for soft labels.
        tau: temperature of `soft`, above 0. The paper has 3.

    Raises:
        UserError: a value that is not allowed.
    """

    type: str = "hard"
    alpha: float = 0.5
    tau: float = 1.0

    def __post_init__(self) -> None:
        if self.type not in TYPES:
            raise UserError(f"type={self.type!r}; {close_names(str(self.type), TYPES)}")
        if not 0 <= self.alpha <= 1:
            raise UserError(f"alpha={self.alpha!r}: expected a number from 0 to 1")
        if not self.tau > 0:
            raise UserError(f"tau={self.tau!r}: expected a number above 0")

    def teacher_loss(self, logits: Array, taught: Array) -> Array:
        """L(teacher), a float32 scalar.

        Args:
            logits: the student's, (N, K), or (B, N, K) of branches, over which the mean is taken, too.
            taught: the teacher's, (N, K).
        """
        logits, taught = logits.astype(jnp.float32), taught.astype(jnp.float32)
        if self.type == "hard":
            target = jax.nn.one_hot(jnp.argmax(taught, -1), taught.shape[-1])
            return -jnp.mean(jnp.sum(target * jax.nn.log_softmax(logits), -1))
        student, teacher = jax.nn.log_softmax(logits / self.tau), jax.nn.log_softmax(taught / self.tau)
        return self.tau**2 * jnp.mean(jnp.sum(jnp.exp(teacher) * (teacher - student), -1))

    def losses(self, own: Mapping[str, Any], logits: Array, taught: Array) -> dict[str, Any]:
        """The head's losses, of which `loss` becomes `loss_cls`, and the teacher's as `loss_distill`, each weighed.

        Args:
            own: what the head's `losses` gives.
            logits: as for `teacher_loss`.
            taught: as for `teacher_loss`.
        """
        named = {"loss_cls" if name == "loss" else name: value for name, value in own.items()}
        weighed = {
            name: jax.tree.map(lambda leaf: (1 - self.alpha) * leaf, value) if "loss" in name else value
            for name, value in named.items()
        }
        return {**weighed, "loss_distill": self.alpha * self.teacher_loss(logits, taught)}
