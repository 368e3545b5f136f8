"""Schedules of the learning rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def step(step: int | Sequence[int], **arguments: Any) -> dict[str, Any]:
    """A tenth (`gamma`) of the rate after each of these epochs."""
    return dict(policy="step", step=step) | arguments


def cosine(warmup_iters: int = 0, **arguments: Any) -> dict[str, Any]:
    """Half a cosine down to 0, at each epoch (`by_epoch=False`: at each iteration), after a linear warm-up."""
    warmup = dict(warmup="linear", warmup_iters=warmup_iters) if warmup_iters else {}
    return dict(policy="CosineAnnealing", min_lr=0.0) | warmup | arguments


def cosine_to_hundredth(**warmup: Any) -> dict[str, Any]:
    """Half a cosine down to 1/100, at each iteration, after 20 epochs of linear warm-up from 1/1000."""
    warmup = warmup or dict(warmup_ratio=1e-3, warmup_iters=20, warmup_by_epoch=True)
    return dict(policy="CosineAnnealing", by_epoch=False, min_lr_ratio=1e-2, warmup="linear") | warmup


def cosine_by_epoch(warmup_epochs: int = 20) -> dict[str, Any]:
    """Half a cosine down to 1e-5, at each epoch, after linear warm-up from 1/1000: of MMPretrain's later recipes.

    MMEngine's cosine begins where the warm-up ends; this one spans the whole training, as MMCV's does.
    """
    return cosine(warmup_epochs, warmup_by_epoch=True, warmup_ratio=1e-3, min_lr=1e-5)
