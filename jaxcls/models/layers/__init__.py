"""Blocks that the architectures share."""

from jaxcls.models.layers.activation import build_activation
from jaxcls.models.layers.conv import Conv, Linear, build_conv, pair
from jaxcls.models.layers.conv_module import ConvModule
from jaxcls.models.layers.drop_path import DropPath
from jaxcls.models.layers.norm import BatchNorm, GroupNorm, LayerNorm, build_norm, norm_name
from jaxcls.models.layers.pooling import avg_pool, global_avg_pool, max_pool

__all__ = [
    "BatchNorm",
    "Conv",
    "ConvModule",
    "DropPath",
    "GroupNorm",
    "LayerNorm",
    "Linear",
    "avg_pool",
    "build_activation",
    "build_conv",
    "build_norm",
    "global_avg_pool",
    "max_pool",
    "norm_name",
    "pair",
]
