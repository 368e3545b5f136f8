"""Heads for one label an image: logits from features, and the loss, which the head owns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls import collectives
from jaxcls.errors import UserError
from jaxcls.models.layers import Linear
from jaxcls.models.losses import CrossEntropyLoss
from jaxcls.ranks import rank_of_label

Features = Array | Sequence[Any]


def topk_accuracy(logits: Array, label: Array, topk: int | tuple[int, ...], mask: Array | None = None) -> dict:
    """Share of images whose label is among the k best classes, in percent, as `{"top-k": scalar}` (`jaxcls.ranks`).

    Args:
        logits: (N, K).
        label: (N,) int.
        topk: one k or several; more than K counts as K.
        mask: (N,), 0 for images that do not count.
    """
    rank = rank_of_label(logits, label, jnp)
    weight = jnp.ones_like(rank, jnp.float32) if mask is None else mask
    ks = (topk,) if isinstance(topk, int) else topk
    total = jnp.maximum(jnp.sum(weight), 1.0)
    return {f"top-{k}": 100.0 * jnp.sum(jnp.where(rank < k, weight, 0.0)) / total for k in ks}


# what a head says whose second layer has nobody to learn from
WITHOUT_TEACHER = "distillation=True needs a teacher: give model.train_cfg.distill, or set distillation=False"
_COUNTS = "compute_loss.cum_samples"  # its name in the original's checkpoints


class Head(nn.Module):
    """What heads share: the loss of logits, and scores from logits.

    Attributes:
        loss: what `jaxcls.build_loss` gives.
        topk: of the training accuracy.
        cal_acc: whether training computes the accuracy; not for soft labels.
        multi_label: whether an image has any number of labels, as rows of 0 and 1.

    Raises:
        UserError: `topk` holds what is no positive integer.
    """

    multi_label: ClassVar[bool] = False

    loss: Any = CrossEntropyLoss()
    topk: int | tuple[int, ...] = (1,)
    cal_acc: bool = False
    init_cfg: Any = None

    def __post_init__(self) -> None:
        ks = self.topk if isinstance(self.topk, tuple) else (self.topk,)
        if not all(isinstance(k, int) and not isinstance(k, bool) and k > 0 for k in ks):
            raise UserError(f"topk={self.topk!r}: expected positive integers")
        super().__post_init__()

    def pre_logits(self, features: Features, train: bool = False) -> Any:
        """What the last layer sees, (N, D), of the backbone's or neck's features: the last of a tuple.

        Of patches with one class token it is the token, as in mmpretrain, whose backbones give that alone.

        Raises:
            UserError: features of another shape, or of another width than `in_channels`.
        """
        feature: Any = features[-1] if isinstance(features, tuple | list) else features
        name, width = type(self).__name__, getattr(self, "in_channels", None)
        if isinstance(feature, tuple | list) and [part.ndim for part in feature] == [4, 2]:
            feature = feature[1]
        if isinstance(feature, tuple | list):
            raise UserError(f"{name}: needs one feature (N, D), got {len(feature)} of them: set output_cls_token=False")
        if feature.ndim != 2:
            dim = f", dim={feature.ndim - 2}" if feature.ndim != 4 else ""
            raise UserError(
                f"{name}: needs features (N, D), got {feature.shape}: "
                f"is neck=dict(type='GlobalAveragePooling'{dim}) missing from the model?"
            )
        if width not in (None, feature.shape[-1]):
            raise UserError(f"{name}: in_channels={width}, but the features have {feature.shape[-1]}")
        return feature

    @property
    def needs_teacher(self) -> bool:
        """Whether it trains with a teacher alone."""
        return False

    def student_logits(self, features: Features, train: bool = False) -> tuple[Array, Array]:
        """The logits that learn from the labels, and those that learn from a teacher; of one layer the same."""
        logits = self(features, train)
        return logits, logits

    def losses(self, logits: Array, label: Array, mask: Array | None = None) -> dict[str, Any]:
        """The loss (mean over the images that count, and over branches) and, with `cal_acc`, the accuracy.

        Args:
            logits: (N, K), or (B, N, K) of branches, whose sum has the accuracy.
            label: (N,) int, or (N, K) where labels are soft.
            mask: (N,), 0 for images that do not count.
        """
        branches = logits if logits.ndim == 3 else [logits]
        counts = self._class_counts(label, mask, logits.shape[-1])
        each = [self.mean_loss(branch, label, mask, **counts) for branch in branches]
        losses: dict[str, Any] = {"loss": sum(each) / len(each)}
        if self.cal_acc:
            if label.ndim != 1:
                raise UserError(f"cal_acc=True needs integer labels (N,), got {label.shape}: leave it out with mixing")
            losses["accuracy"] = topk_accuracy(total(logits), label, self.topk, mask)
        return losses

    def mean_loss(self, logits: Array, label: Array, mask: Array | None = None, **counts: Array) -> Array:
        """The loss of logits (N, K), mean over the images that count."""
        count = logits.shape[0] if mask is None else jnp.maximum(jnp.sum(mask), 1.0)
        return self.loss(logits, label, weight=mask, avg_factor=count, **counts)

    def auxiliary_losses(self, features: Features, label: Array, mask: Array | None = None) -> dict[str, Any]:
        """Losses of training besides, of the same features as the logits."""
        return {}

    def start_counting(self, num_classes: int) -> None:
        """Makes room for the counts of classes, where the loss asks for them; to be called in initialisation."""
        if getattr(self.loss, "counts_classes", False):
            self.put_variable("batch_stats", _COUNTS, jnp.zeros((num_classes,), jnp.float32))

    def _class_counts(self, label: Array, mask: Array | None, num_classes: int) -> dict[str, Array]:
        """The images of each class that training has seen, this batch's of all devices among them."""
        if not getattr(self.loss, "counts_classes", False) or label.ndim != 1:
            return {}
        own = jax.nn.one_hot(label, num_classes) * (1.0 if mask is None else mask[:, None])
        counts = collectives.psum(own.sum(0))
        if self.has_variable("batch_stats", _COUNTS):
            before: Array = self.get_variable("batch_stats", _COUNTS)
            if not self.is_mutable_collection("batch_stats"):
                return {"class_counts": before}  # in evaluation
            counts = before + counts
            self.put_variable("batch_stats", _COUNTS, counts)
        return {"class_counts": counts}

    def scores(self, logits: Array) -> Array:
        """Probabilities (N, K), float32, of logits (N, K), or of the sum of branches' (B, N, K)."""
        return jax.nn.softmax(total(logits.astype(jnp.float32)), axis=-1)


def total(logits: Array) -> Array:
    """(N, K): logits, or the sum of branches' (B, N, K)."""
    return logits if logits.ndim == 2 else jnp.sum(logits, 0)


class ClsHead(Head):
    """For backbones that give the logits themselves: (N, K) -> same.

    Attributes:
        aux_weight: of the loss of an auxiliary classifier, whose logits such a backbone gives before its own in
            training (InceptionV3 with `aux_logits`); 0: it does not count, as in mmpretrain. Szegedy et al. 2016 and
            torchvision have 0.4.
    """

    aux_weight: float = 0.0

    def auxiliary_losses(self, features: Features, label: Array, mask: Array | None = None) -> dict[str, Any]:
        """`loss_aux`, where it counts."""
        if not self.aux_weight:
            return {}
        return {"loss_aux": self.aux_weight * self.mean_loss(features[0].astype(jnp.float32), label, mask)}

    def __call__(self, features: Features, train: bool = False) -> Array:
        return self.pre_logits(features, train)


class LinearClsHead(Head):
    """One fully connected layer: (N, in_channels) -> (N, num_classes)."""

    num_classes: int = 1000
    in_channels: int | None = None  # the original's configs give it; the layer takes what comes
    init_cfg: Any = nn.FrozenDict({"type": "Normal", "layer": "Linear", "std": 0.01})

    @nn.compact
    def __call__(self, features: Features, train: bool = False) -> Array:
        return Linear(self.num_classes, name="fc")(self.pre_logits(features, train))
