"""The classifier and its parts, built from configs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flax import linen as nn

from jaxcls.builder import build, plain
from jaxcls.errors import UserError
from jaxcls.models import backbones, classifier, heads, losses, necks
from jaxcls.models.classifier import ImageClassifier
from jaxcls.models.necks.sequence import NeckSequence

__all__ = ["ImageClassifier", "build_classifier", "build_loss"]


def build_loss(config: Mapping[str, Any], where: str = "loss") -> Any:
    """The loss that `config` describes, a callable `loss(cls_score, label, weight, avg_factor, reduction_override)`."""
    return build(config, losses, where)


def build_classifier(config: Mapping[str, Any], where: str = "model") -> nn.Module:
    """The classifier that a model config describes, as the original writes it.

    Args:
        config: `type`, `backbone`, `neck` (one, several in a list, or None), `head` with its `loss`.
        where: the config's place, for messages.

    Raises:
        UserError: an unknown name or argument.
    """
    config = dict(plain(config))
    parts: dict[str, Any] = {"backbone": build(config.pop("backbone", None), backbones, f"{where}.backbone")}
    if neck := config.pop("neck", None):
        parts["neck"] = _build_neck(neck, f"{where}.neck")
    head = config.pop("head", None)
    if isinstance(head, Mapping) and "loss" in head:
        head = {**head, "loss": build_loss(head["loss"], f"{where}.head.loss")}
    parts["head"] = build(head, heads, f"{where}.head")
    config.pop("train_cfg", None)  # the training step's, not the network's
    if config.get("pretrained", "") is None:  # so in many of the original's configs
        config.pop("pretrained")
    return build(config, classifier, where, **parts)


def _build_neck(config: Any, where: str) -> nn.Module:
    if isinstance(config, Mapping):
        return build(config, necks, where)
    if not isinstance(config, tuple | list):
        raise UserError(f"{where}: expected a dict with a 'type', or a list of them, got {config!r}")
    return NeckSequence(tuple(build(neck, necks, f"{where}[{i}]") for i, neck in enumerate(config)))
