"""LeViT's head (mmpretrain/models/heads/levit_head.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from flax import linen as nn
from jax import Array

from jaxcls.models.heads.distilled_head import DistilledHead
from jaxcls.models.layers import BatchNorm, Linear
from jaxcls.models.layers.fuse import norm_as_affine

Variables = Mapping[str, Any]


class BatchNormLinear(nn.Module):
    """A norm and a fully connected layer, or, with `deploy`, the layer that both are: (N, D) -> (N, features)."""

    features: int
    deploy: bool = False

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics."""
        if self.deploy:
            linear = Linear(self.features)
            nn.share_scope(self, linear)
            return linear(x)
        return Linear(self.features, name="linear")(BatchNorm(name="bn")(x, train))


class LeViTClsHead(DistilledHead):
    """A norm and a fully connected layer, or two of each.

    Attributes:
        deploy: norm and layer are one; `switch_to_deploy` gives the variables.
    """

    names: ClassVar[tuple[str, str]] = ("head", "head_dist")

    deploy: bool = False

    def layer(self, x: Array, name: str, train: bool) -> Array:
        """A norm and a layer."""
        return BatchNormLinear(self.num_classes, self.deploy, name=name)(x, train)

    @nn.nowrap
    def switch_to_deploy(self, variables: Variables) -> tuple[LeViTClsHead, dict[str, Any]]:
        """The head with `deploy`, and its variables."""
        if self.deploy:
            return self, dict(variables)
        stats = variables["batch_stats"]
        params = {name: _merged(own, stats[name]) for name, own in variables["params"].items()}
        return self.clone(parent=None, deploy=True), {**variables, "params": params, "batch_stats": {}}


def _merged(params: Variables, stats: Variables) -> dict[str, np.ndarray]:
    factor, summand = norm_as_affine(params["bn"], stats["bn"], BatchNorm.eps)
    kernel, bias = (np.asarray(params["linear"][name], np.float64) for name in ("kernel", "bias"))
    merged = {"kernel": factor[:, None] * kernel, "bias": summand @ kernel + bias}
    return {name: value.astype(np.float32) for name, value in merged.items()}
