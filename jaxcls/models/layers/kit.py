"""`conv_cfg`, `norm_cfg` and `act_cfg` as one value that makes layers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from flax import linen as nn
from flax.core import FrozenDict, freeze
from jax import Array

from jaxcls.models.layers.activation import build_activation
from jaxcls.models.layers.conv import IntOrPair, build_conv
from jaxcls.models.layers.initializers import Initializer
from jaxcls.models.layers.norm import build_norm, norm_name

Config = Mapping[str, Any]

BN: Config = FrozenDict({"type": "BN"})
LN: Config = FrozenDict({"type": "LN"})
RELU: Config = FrozenDict({"type": "ReLU"})
GELU: Config = FrozenDict({"type": "GELU"})


@dataclasses.dataclass(frozen=True)
class Layers:
    """What a backbone's blocks are made of; hashable, so that modules can have it as an attribute.

    Attributes:
        conv_cfg: of convolutions; None: `Conv2d`.
        norm_cfg: of norms; None: there are none.
        act_cfg: of activations; None: the identity.
        norm_eval: norms use their running statistics in training too, and leave them as they are.
    """

    conv_cfg: Config | None = None
    norm_cfg: Config | None = BN
    act_cfg: Config | None = RELU
    norm_eval: bool = False

    def __post_init__(self) -> None:
        for name in ("conv_cfg", "norm_cfg", "act_cfg"):
            if isinstance(config := getattr(self, name), Mapping):
                object.__setattr__(self, name, freeze(dict(config)))

    def replace(self, **changes: Any) -> Layers:
        """The same with other configs."""
        return dataclasses.replace(self, **changes)

    def conv(
        self,
        features: int,
        kernel_size: IntOrPair,
        stride: IntOrPair = 1,
        padding: IntOrPair = 0,
        dilation: IntOrPair = 1,
        groups: int = 1,
        use_bias: bool = False,
        name: str | None = None,
    ) -> nn.Module:
        """A convolution, without a bias unless asked for."""
        return build_conv(
            self.conv_cfg, features, kernel_size, stride, padding, dilation, groups, use_bias=use_bias, name=name
        )

    def norm(self, name: str | None = None, scale_init: Initializer | None = None) -> nn.Module:
        """A norm, called as `norm(x, train)`; where there are none, the identity."""
        if self.norm_cfg is None:
            return _Identity()
        return build_norm(self.norm_cfg, name, scale_init=scale_init, use_running_average=self.norm_eval)

    def norm_name(self, postfix: int | str = "") -> str:
        """The name that the original gives a norm attribute: `bn1` for `dict(type="BN")` and 1."""
        return norm_name(self.norm_cfg, postfix) if self.norm_cfg is not None else f"bn{postfix}"

    def act(self, x: Array) -> Array:
        """The activation of `x`."""
        return build_activation(self.act_cfg)(x)


class _Identity(nn.Module):
    @nn.nowrap
    def __call__(self, x: Array, train: bool = False) -> Array:
        return x
