"""Optimisers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def sgd(lr: float, weight_decay: float = 1e-4, **arguments: Any) -> dict[str, Any]:
    """SGD with a momentum of 0.9."""
    return dict(type="SGD", lr=lr, momentum=0.9, weight_decay=weight_decay) | arguments


def adamw(
    lr: float,
    weight_decay: float = 0.05,
    *,
    decay_all: bool = False,
    decay_flat: bool = True,
    no_decay: Sequence[str] = (),
    **arguments: Any,
) -> dict[str, Any]:
    """AdamW without weight decay of norms and biases.

    Args:
        lr: learning rate of the whole batch.
        weight_decay: of all that decays.
        decay_all: norms and biases decay too.
        decay_flat: whether what else has one dimension decays, such as layer scales.
        no_decay: parameters that do not decay either, by a part of their path.
        **arguments: more of `AdamW`'s.
    """
    paramwise: dict[str, Any] = {} if decay_all else dict(norm_decay_mult=0.0, bias_decay_mult=0.0)
    if not decay_flat:
        paramwise["flat_decay_mult"] = 0.0
    if no_decay:
        paramwise["custom_keys"] = {name: dict(decay_mult=0.0) for name in no_decay}
    optimizer = dict(type="AdamW", lr=lr, weight_decay=weight_decay)
    return optimizer | ({"paramwise_cfg": paramwise} if paramwise else {}) | arguments
