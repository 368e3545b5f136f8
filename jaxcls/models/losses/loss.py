"""What losses are: frozen dataclasses, so that one is hashable and static under `jit`; and what they share.

All are called alike, `loss(cls_score, label, weight=None, avg_factor=None, reduction_override=None)`, and computed in
float32 whatever the precision of the logits. The meaning is that of MMClassification 0.25, `mmcls/models/losses`.
"""

from __future__ import annotations

import abc
import dataclasses
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxcls.errors import UserError

BALANCED = "balanced"  # what stands in a config for numbers that training counts
Weights = tuple[float, ...] | Literal["balanced"] | None

REDUCTIONS = ("none", "mean", "sum")


def reduce_loss(
    loss: jax.Array, weight: ArrayLike | None = None, reduction: str = "mean", avg_factor: ArrayLike | None = None
) -> jax.Array:
    """Weight the samples of a loss and reduce it.

    Args:
        loss: (N,) or (N, K).
        weight: (N,), one factor a sample.
        reduction: `none`, `mean` or `sum`.
        avg_factor: what `mean` divides the sum by, in place of the number of elements; `none` ignores it.

    Returns:
        The shape of `loss` for `none`, else a scalar.

    Raises:
        UserError: an unknown reduction, `avg_factor` with `sum`, or a weight that is not (N,).
    """
    if reduction not in REDUCTIONS:
        raise UserError(f"reduction: {reduction!r} is not one of {', '.join(REDUCTIONS)}")
    if avg_factor is not None and reduction == "sum":
        raise UserError("avg_factor cannot be used with reduction='sum'")
    if weight is not None:
        weight = jnp.asarray(weight, jnp.float32)
        if weight.shape != loss.shape[:1]:
            raise UserError(f"weight has shape {weight.shape}, expected one factor a sample, {loss.shape[:1]}")
        loss = loss * weight.reshape(-1, *[1] * (loss.ndim - 1))
    if reduction == "none":
        return loss
    if reduction == "mean" and avg_factor is None:
        return loss.mean()
    return loss.sum() if avg_factor is None else loss.sum() / jnp.asarray(avg_factor, jnp.float32)


def softmax_cross_entropy(logits: jax.Array, label: jax.Array, class_weight: Weights = None) -> jax.Array:
    """Cross entropy over softmax, (N,): of class indices (N,), or of probabilities (N, K)."""
    log_probs = jax.nn.log_softmax(logits)
    if class_weight is not None:
        log_probs = log_probs * _per_class(class_weight, logits, "class_weight")
    if label.ndim == 1:
        return -jnp.take_along_axis(log_probs, label[:, None], axis=-1)[:, 0]
    return -jnp.sum(label.astype(jnp.float32) * log_probs, axis=-1)


def sigmoid_cross_entropy(
    logits: jax.Array, label: jax.Array, class_weight: Weights = None, pos_weight: Weights = None
) -> jax.Array:
    """Binary cross entropy over sigmoid, (N, K), of 0/1 or soft labels (N, K)."""
    positive = jax.nn.log_sigmoid(logits)
    if pos_weight is not None:
        positive = positive * _per_class(pos_weight, logits, "pos_weight")
    loss = -(label * positive + (1 - label) * jax.nn.log_sigmoid(-logits))
    return loss if class_weight is None else loss * _per_class(class_weight, logits, "class_weight")


def _per_class(weights: tuple[float, ...] | str, logits: jax.Array, name: str) -> jax.Array:
    if weights == BALANCED:
        raise UserError(f"{name}={BALANCED!r}: stands for numbers that training counts; give one number a class")
    if len(weights) != logits.shape[-1]:
        raise UserError(f"{name} has {len(weights)} values, expected one a class, {logits.shape[-1]}")
    return jnp.asarray(weights, jnp.float32)


def focus(miss: jax.Array, gamma: float | jax.Array) -> jax.Array:
    """`miss ** gamma`, with finite gradients."""
    # In float32 the miss of a sure hit is 0, where the gradient of a power below 1 is not finite.
    return jnp.maximum(miss, 1e-12) ** gamma


def one_hot_like(label: jax.Array, logits: jax.Array) -> jax.Array:
    """Class indices (N,) or (N, 1) as one-hot rows; labels (N, K) as they are; float32."""
    num_classes = logits.shape[-1]
    if label.ndim == 1 or (label.shape[1:] == (1,) and num_classes > 1):
        label = jax.nn.one_hot(label.reshape(-1), num_classes)
    return same_shape(label, logits).astype(jnp.float32)


def same_shape(label: jax.Array, logits: jax.Array) -> jax.Array:
    """`label`, once it is known to have the shape of `logits`."""
    if label.shape != logits.shape:
        raise UserError(f"label has shape {label.shape}, expected that of cls_score, {logits.shape}")
    return label


@dataclasses.dataclass(frozen=True, kw_only=True)
class Loss(abc.ABC):
    """What all losses share.

    Args:
        reduction: `none`, `mean` or `sum`.
        loss_weight: a factor on the result.
    """

    reduction: str = "mean"
    loss_weight: float = 1.0

    counts_classes: ClassVar[bool] = False  # whether it is called with `class_counts`, which the head keeps

    def __post_init__(self) -> None:
        if self.reduction not in REDUCTIONS:
            raise UserError(f"reduction: {self.reduction!r} is not one of {', '.join(REDUCTIONS)}")

    def __call__(
        self,
        cls_score: ArrayLike,
        label: ArrayLike,
        weight: ArrayLike | None = None,
        avg_factor: ArrayLike | None = None,
        reduction_override: str | None = None,
        **counts: jax.Array,
    ) -> jax.Array:
        """The loss of a batch.

        Args:
            cls_score: (N, K) logits.
            label: (N,) class indices or (N, K), as the loss takes them.
            weight: (N,), one factor a sample.
            avg_factor: what `mean` divides the sum by; the heads pass N, which makes an element-wise loss a sum over
                the classes and a mean over the batch.
            reduction_override: in place of `reduction`, for this call.
            **counts: `class_counts` (K,), images of each class so far, for a loss that `counts_classes`.

        Returns:
            A float32 scalar; for `none` (N,), or (N, K) where the loss is element-wise.

        Raises:
            UserError: shapes that do not fit, an unknown reduction, or `avg_factor` with `sum`.
        """
        logits = jnp.asarray(cls_score, jnp.float32)
        try:
            loss = self.unreduced(logits, jnp.asarray(label), **counts)
            reduction = self.reduction if reduction_override is None else reduction_override
            return self.loss_weight * reduce_loss(loss, weight, reduction, avg_factor)
        except UserError as error:
            raise UserError(f"{type(self).__name__}: {error}") from error

    @property
    def for_several_labels(self) -> str:
        """The argument without which rows of several labels are taken as probabilities; empty where they are not."""
        return ""

    @abc.abstractmethod
    def unreduced(self, logits: jax.Array, label: jax.Array) -> jax.Array:
        """The loss of each sample (N,) or each element (N, K), for float32 logits (N, K)."""
