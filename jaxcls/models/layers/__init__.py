"""Blocks that the architectures share."""

from jaxcls.models.layers.activation import build_activation
from jaxcls.models.layers.attention import MultiheadAttention, PackedMultiheadAttention, attention
from jaxcls.models.layers.channel_attention import ChannelMultiheadAttention, channel_attention
from jaxcls.models.layers.channel_shuffle import channel_shuffle
from jaxcls.models.layers.conv import Conv, Linear, build_conv, padding_of, pair
from jaxcls.models.layers.conv_module import KAIMING, ConvModule
from jaxcls.models.layers.distance_bias import DistanceBias
from jaxcls.models.layers.divisible import make_divisible
from jaxcls.models.layers.drop_path import DropPath, drop_path_rates
from jaxcls.models.layers.ffn import FFN, FixedInitLinear
from jaxcls.models.layers.fourier_position import FourierPosition
from jaxcls.models.layers.inverted_residual import InvertedResidual
from jaxcls.models.layers.kit import BN, GELU, LN, RELU, Layers
from jaxcls.models.layers.layer_scale import LayerScale
from jaxcls.models.layers.norm import BatchNorm, GroupNorm, LayerNorm, build_norm, norm_name
from jaxcls.models.layers.override import for_each, override
from jaxcls.models.layers.patch_embed import PatchEmbed, PatchMerging, unfold
from jaxcls.models.layers.pixels import require_pixels
from jaxcls.models.layers.pooling import avg_pool, global_avg_pool, max_pool
from jaxcls.models.layers.position import (
    fit_pos_embed,
    fit_relative_position_bias_table,
    resize_pos_embed,
    resize_relative_position_bias_table,
)
from jaxcls.models.layers.residual import residual
from jaxcls.models.layers.se_layer import SELayer
from jaxcls.models.layers.swiglu_ffn import SwiGLUFFN
from jaxcls.models.layers.window_attention import ShiftWindowMSA, WindowMSAV2

__all__ = [
    "BN",
    "FFN",
    "GELU",
    "KAIMING",
    "LN",
    "RELU",
    "BatchNorm",
    "ChannelMultiheadAttention",
    "Conv",
    "ConvModule",
    "DistanceBias",
    "DropPath",
    "FixedInitLinear",
    "FourierPosition",
    "GroupNorm",
    "InvertedResidual",
    "LayerNorm",
    "LayerScale",
    "Layers",
    "Linear",
    "MultiheadAttention",
    "PackedMultiheadAttention",
    "PatchEmbed",
    "PatchMerging",
    "SELayer",
    "ShiftWindowMSA",
    "SwiGLUFFN",
    "WindowMSAV2",
    "attention",
    "avg_pool",
    "build_activation",
    "build_conv",
    "build_norm",
    "channel_attention",
    "channel_shuffle",
    "drop_path_rates",
    "fit_pos_embed",
    "fit_relative_position_bias_table",
    "for_each",
    "global_avg_pool",
    "make_divisible",
    "max_pool",
    "norm_name",
    "override",
    "padding_of",
    "pair",
    "require_pixels",
    "residual",
    "resize_pos_embed",
    "resize_relative_position_bias_table",
    "unfold",
]
