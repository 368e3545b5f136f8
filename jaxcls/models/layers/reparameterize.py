"""Branches of a block that are one convolution after training (Ding et al. 2021, arXiv:2101.03697)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.layers.fuse import fuse_conv_norm
from jaxcls.models.layers.kit import Layers

Variables = Mapping[str, Any]


class ConvNorm(nn.Module):
    """A convolution without a bias and a norm: (N, H, W, C) -> (N, H', W', features)."""

    features: int
    kernel_size: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1
    layers: Layers = Layers()

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics."""
        window = (self.stride, self.padding, self.dilation, self.groups)
        x = self.layers.conv(self.features, self.kernel_size, *window, name="conv")(x)
        return self.layers.norm("norm")(x, train)


def merge_blocks(variables: Variables, norm_cfg: Mapping[str, Any]) -> dict[str, Any]:
    """A backbone's variables, each block's branches summed into one convolution, `branch_reparam`.

    Args:
        variables: `params` and `batch_stats`; a block's branches are named `branch_…`, what else it has stays.
        norm_cfg: of the branches.

    Raises:
        UserError: norms other than BatchNorm.
    """
    if norm_cfg["type"] not in ("BN", "BN2d", "SyncBN"):
        raise UserError(f"deploy: norm_cfg {norm_cfg['type']!r} cannot be merged into a convolution; BN can")
    params, stats, eps = dict(variables["params"]), dict(variables["batch_stats"]), norm_cfg.get("eps", 1e-5)
    for name, block in params.items():
        kept = {key: value for key, value in block.items() if not key.startswith("branch_")}
        if len(kept) < len(block):
            params[name] = {"branch_reparam": merged_branches(block, stats.pop(name), eps), **kept}
    return {**variables, "params": params, "batch_stats": stats}


def merged_branches(params: Variables, stats: Variables, eps: float) -> dict[str, np.ndarray]:
    """The convolution, `kernel` and `bias` in float32, that is the sum of a block's branches.

    Args:
        params: of the block: each `ConvNorm` by its name, and perhaps `branch_norm`, that of the input itself.
        stats: of the same norms.
        eps: of the norms.
    """
    branches = [name for name in params if "conv" in params[name] and "norm" in params[name]]
    fused = [fuse_conv_norm(params[n]["conv"], params[n]["norm"], stats[n]["norm"], eps) for n in branches]
    size, _, inputs, features = max((kernel.shape for kernel, _ in fused), key=lambda shape: shape[0])
    if "branch_norm" in params:
        identity = np.zeros((1, 1, inputs, features))
        identity[0, 0, np.arange(features) % inputs, np.arange(features)] = 1.0
        fused.append(fuse_conv_norm({"kernel": identity}, params["branch_norm"], stats["branch_norm"], eps))
    kernel = sum(_padded(own, size) for own, _ in fused)
    bias = sum(own for _, own in fused)
    return {"kernel": np.asarray(kernel, np.float32), "bias": np.asarray(bias, np.float32)}


def _padded(kernel: np.ndarray, size: int) -> np.ndarray:
    """A kernel with zeros around it, of `size` down and across."""
    edge = (size - kernel.shape[0]) // 2
    return np.pad(kernel, ((edge, edge), (edge, edge), (0, 0), (0, 0)))
