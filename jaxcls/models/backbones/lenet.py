"""LeNet-5 (LeCun et al. 1998, Gradient-Based Learning Applied to Document Recognition).

After mmcls/models/backbones/lenet.py.
"""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp
from jax import Array

from jaxcls.models.backbones.base import Backbone
from jaxcls.models.backbones.layout import Layout
from jaxcls.models.layers import Conv, Linear, avg_pool


class LeNet5(Backbone):
    """Images (N, 32, 32, C) -> ((N, num_classes),), or ((N, 1, 1, 120),) where `num_classes` is -1."""

    num_classes: int = -1
    init_cfg: Any = None

    layout: ClassVar[Layout] = Layout(blocks=("features.{stage}",), rest=("classifier",), first=0)

    def setup(self) -> None:
        # Positions in the original's nn.Sequential: 1, 2, 4, 5 and 7 hold what has no parameters.
        self.conv0 = Conv(6, 5, name="features.0")
        self.conv3 = Conv(16, 5, name="features.3")
        self.conv6 = Conv(120, 5, name="features.6")
        if self.num_classes > 0:
            self.fc0 = Linear(84, name="classifier.0")
            self.fc2 = Linear(self.num_classes, name="classifier.2")

    def __call__(self, x: Array, train: bool = False) -> tuple[Array]:
        x = avg_pool(jnp.tanh(self.conv0(x)), 2)
        x = avg_pool(jnp.tanh(self.conv3(x)), 2)
        x = jnp.tanh(self.conv6(x))
        if self.num_classes > 0:
            x = self.fc2(jnp.tanh(self.fc0(x.reshape(x.shape[0], -1))))
        return (x,)
