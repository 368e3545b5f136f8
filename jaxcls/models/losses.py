"""The losses: frozen dataclasses, so that a loss is hashable and static under `jit`.

All are called alike, `loss(cls_score, label, weight=None, avg_factor=None, reduction_override=None)`, and computed in
float32 whatever the precision of the logits. The meaning is that of MMClassification 0.25, `mmcls/models/losses`.
"""

from __future__ import annotations

import abc
import dataclasses

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxcls.errors import UserError

__all__ = ["AsymmetricLoss", "CrossEntropyLoss", "FocalLoss", "LabelSmoothLoss"]

Weights = tuple[float, ...] | None

REDUCTIONS = ("none", "mean", "sum")
SMOOTHING_MODES = ("original", "classy_vision", "multi_label")


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


def _per_class(weights: tuple[float, ...], logits: jax.Array, name: str) -> jax.Array:
    if len(weights) != logits.shape[-1]:
        raise UserError(f"{name} has {len(weights)} values, expected one a class, {logits.shape[-1]}")
    return jnp.asarray(weights, jnp.float32)


def _focus(miss: jax.Array, gamma: float | jax.Array) -> jax.Array:
    # In float32 the miss of a sure hit is 0, where the gradient of a power below 1 is not finite.
    return jnp.maximum(miss, 1e-12) ** gamma


def _one_hot_like(label: jax.Array, logits: jax.Array) -> jax.Array:
    """Class indices (N,) or (N, 1) as one-hot rows; labels (N, K) as they are; float32."""
    num_classes = logits.shape[-1]
    if label.ndim == 1 or (label.shape[1:] == (1,) and num_classes > 1):
        label = jax.nn.one_hot(label.reshape(-1), num_classes)
    return _same_shape(label, logits).astype(jnp.float32)


def _same_shape(label: jax.Array, logits: jax.Array) -> jax.Array:
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
    ) -> jax.Array:
        """The loss of a batch.

        Args:
            cls_score: (N, K) logits.
            label: (N,) class indices or (N, K), as the loss takes them.
            weight: (N,), one factor a sample.
            avg_factor: what `mean` divides the sum by; the heads pass N, which makes an element-wise loss a sum over
                the classes and a mean over the batch.
            reduction_override: in place of `reduction`, for this call.

        Returns:
            A float32 scalar; for `none` (N,), or (N, K) where the loss is element-wise.

        Raises:
            UserError: shapes that do not fit, an unknown reduction, or `avg_factor` with `sum`.
        """
        logits = jnp.asarray(cls_score, jnp.float32)
        try:
            loss = self.unreduced(logits, jnp.asarray(label))
            reduction = self.reduction if reduction_override is None else reduction_override
            return self.loss_weight * reduce_loss(loss, weight, reduction, avg_factor)
        except UserError as error:
            raise UserError(f"{type(self).__name__}: {error}") from error

    @abc.abstractmethod
    def unreduced(self, logits: jax.Array, label: jax.Array) -> jax.Array:
        """The loss of each sample (N,) or each element (N, K), for float32 logits (N, K)."""


@dataclasses.dataclass(frozen=True)
class CrossEntropyLoss(Loss):
    """Cross entropy over softmax or sigmoid.

    Over softmax, labels are class indices (N,) or probabilities (N, K), as in PyTorch's `cross_entropy`, so that
    mixup's labels need no other loss.

    Args:
        use_sigmoid: binary cross entropy of each class; labels (N, K).
        use_soft: only probabilities (N, K) as labels.
        class_weight: a factor for each class; the sum is not divided by the weights.
        pos_weight: a factor for the positives of each class, with `use_sigmoid`.
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
            if getattr(self, name) is not None:
                object.__setattr__(self, name, tuple(map(float, getattr(self, name))))

    def unreduced(self, logits: jax.Array, label: jax.Array) -> jax.Array:
        """(N, K) with `use_sigmoid`, else (N,)."""
        if self.use_sigmoid:
            label = _same_shape(label, logits).astype(jnp.float32)
            return sigmoid_cross_entropy(logits, label, self.class_weight, self.pos_weight)
        if self.use_soft or label.shape != logits.shape[:1]:
            _same_shape(label, logits)
        return softmax_cross_entropy(logits, label, self.class_weight)


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

    def unreduced(self, logits: jax.Array, label: jax.Array) -> jax.Array:
        """(N, K) in mode `multi_label`, else (N,)."""
        num_classes = logits.shape[-1]
        if self.num_classes not in (None, num_classes):
            raise UserError(f"num_classes is {self.num_classes}, but cls_score has {num_classes} classes")
        label, eps = _one_hot_like(label, logits), self.label_smooth_val
        if self.mode == "multi_label":
            return sigmoid_cross_entropy(logits, jnp.where(label > 0, 1 - eps, eps))
        if self.mode == "classy_vision":
            eps = eps / (1 + eps)
        return softmax_cross_entropy(logits, label * (1 - eps) + eps / num_classes)


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
        label, prob = _one_hot_like(label, logits), jax.nn.sigmoid(logits)
        miss = (1 - prob) * label + prob * (1 - label)
        balance = self.alpha * label + (1 - self.alpha) * (1 - label)
        return sigmoid_cross_entropy(logits, label) * balance * _focus(miss, self.gamma)


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
        label = _one_hot_like(label, logits)
        prob = jax.nn.sigmoid(logits) if self.use_sigmoid else jax.nn.softmax(logits)
        right = jnp.minimum(1 - prob + (self.clip or 0.0), 1.0) * (1 - label) + prob * label
        focus = _focus(1 - right, self.gamma_pos * label + self.gamma_neg * (1 - label))
        return -jnp.log(jnp.maximum(right, self.eps)) * focus
