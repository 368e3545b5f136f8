"""HRNet's maps put together for classification (mmcls/models/necks/hr_fuse.py)."""

from __future__ import annotations

from functools import partial
from typing import Any

from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.backbones.resnet import Bottleneck
from jaxcls.models.layers import BN, ConvModule, Layers

_WIDTHS = (128, 256, 512, 1024)


class HRFuseScales(nn.Module):
    """Maps (N, H_i, W_i, in_channels[i]), each half as large as that before, -> (the last's N, H, W, out_channels,).

    Attributes:
        in_channels: of each map, four of them.
        out_channels: of the result.
        norm_cfg: of the norms, but for those of the bottlenecks that widen the maps.

    Raises:
        UserError: another number of maps than four, or maps of other channels.
    """

    in_channels: tuple[int, ...]
    out_channels: int = 2048
    norm_cfg: dict[str, Any] = BN  # type: ignore[assignment]
    init_cfg: Any = nn.FrozenDict({"type": "Normal", "layer": "Linear", "std": 0.01})

    def __post_init__(self) -> None:
        if len(self.in_channels) != len(_WIDTHS):
            raise UserError(f"HRFuseScales: in_channels={self.in_channels}; expected {len(_WIDTHS)} of them")
        super().__post_init__()

    @nn.compact
    def __call__(self, features: tuple[Array, ...], train: bool = False) -> tuple[Array, ...]:
        """`train`: with batch statistics."""
        channels = tuple(feature.shape[-1] for feature in features)
        if channels != tuple(self.in_channels):
            raise UserError(f"HRFuseScales: in_channels={tuple(self.in_channels)}, but the features have {channels}")
        conv = partial(ConvModule, layers=Layers(norm_cfg=self.norm_cfg), use_bias=False)
        fused = self._widened(features[0], 0, train)
        for i, feature in enumerate(features[1:]):
            fused = conv(_WIDTHS[i + 1], 3, 2, 1, name=f"downsample_layers.{i}")(fused, train)
            fused = fused + self._widened(feature, i + 1, train)
        return (conv(self.out_channels, 1, name="final_layer")(fused, train),)

    def _widened(self, x: Array, index: int, train: bool) -> Array:
        """(N, H, W, in_channels[index]) -> (N, H, W, 128 * 2**index)."""
        width = _WIDTHS[index]
        return Bottleneck(
            width, 4, downsample=x.shape[-1] != width, zero_init_residual=False, name=f"increase_layers.{index}.0"
        )(x, train)
