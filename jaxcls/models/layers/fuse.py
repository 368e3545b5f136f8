"""A convolution and the BatchNorm after it as one convolution with a bias, on NumPy arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def norm_as_affine(params: Mapping[str, Any], stats: Mapping[str, Any], eps: float) -> tuple[np.ndarray, np.ndarray]:
    """Factor and summand (C,), float64, that a BatchNorm in evaluation mode applies to each channel."""
    scale, bias = (np.asarray(params[name], np.float64) for name in ("scale", "bias"))
    mean, var = (np.asarray(stats[name], np.float64) for name in ("mean", "var"))
    factor = scale / np.sqrt(var + eps)
    return factor, bias - mean * factor


def fuse_conv_norm(
    conv: Mapping[str, Any], norm: Mapping[str, Any], stats: Mapping[str, Any], eps: float
) -> tuple[np.ndarray, np.ndarray]:
    """Kernel (..., O) and bias (O,), float64, of the convolution that equals `conv` and then `norm`.

    Args:
        conv: `kernel` and perhaps `bias`.
        norm: `scale` and `bias`.
        stats: `mean` and `var`.
        eps: the norm's.
    """
    factor, summand = norm_as_affine(norm, stats, eps)
    return np.asarray(conv["kernel"], np.float64) * factor, np.asarray(conv.get("bias", 0.0)) * factor + summand
