"""TinyViT (Wu et al. 2022, arXiv:2207.10666); mmpretrain/models/backbones/tinyvit.py."""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.models.backbones.base import Backbone, Config, architectures, one_a_stage, settings_of
from jaxcls.models.backbones.layout import Layout
from jaxcls.models.layers import (
    GELU,
    LN,
    BatchNorm,
    Conv,
    DistanceBias,
    DropPath,
    LayerNorm,
    Linear,
    attention,
    build_activation,
    build_norm,
    drop_path_rates,
    global_avg_pool,
    residual,
)
from jaxcls.models.layers.initializers import constant
from jaxcls.models.layers.window_attention import window_partition, window_reverse

# table 9 of the paper
_ARCHITECTURES = architectures(
    ("channels", "num_heads", "depths"),
    {
        ("5m",): ((64, 128, 160, 320), (2, 4, 5, 10), (2, 2, 6, 2)),
        ("11m",): ((64, 128, 256, 448), (2, 4, 8, 14), (2, 2, 6, 2)),
        ("21m",): ((96, 192, 384, 576), (3, 6, 12, 18), (2, 2, 6, 2)),
    },
)


class ConvBN2d(nn.Module):
    """A convolution and a norm: (N, H, W, C) -> (N, H / stride, W / stride, features).

    Attributes:
        scale: what the norm's starts as.
    """

    features: int
    kernel_size: int = 1
    stride: int = 1
    groups: int = 1
    scale: float = 1.0

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics."""
        window = (self.kernel_size, self.stride, self.kernel_size // 2)
        x = Conv(self.features, *window, groups=self.groups, use_bias=False, name="conv2d")(x)
        return BatchNorm(scale_init=constant(self.scale), name="bn2d")(x, train)


class MBConvBlock(nn.Module):
    """Three convolutions, the middle one of each channel, added to the input: (N, H, W, C) -> same.

    Attributes:
        expand_ratio: width of the middle one, to C.
        drop_path_rate: probability of dropping the branch for a sample.
    """

    expand_ratio: float = 4.0
    drop_path_rate: float = 0.0

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics and stochastic depth."""
        act, width = build_activation(GELU), int(x.shape[-1] * self.expand_ratio)
        y = act(ConvBN2d(width, name="conv1")(x, train))
        y = act(ConvBN2d(width, 3, groups=width, name="conv2")(y, train))
        y = ConvBN2d(x.shape[-1], scale=0.0, name="conv3")(y, train)
        return act(residual(x, DropPath(self.drop_path_rate)(y, train)))


class PatchMerging(nn.Module):
    """Three convolutions, the middle one of each channel with stride 2: (N, H, W, C) -> (N, H / 2, W / 2, features)."""

    features: int
    act_cfg: Config = GELU

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics."""
        act = build_activation(self.act_cfg)
        x = act(ConvBN2d(self.features, name="conv1")(x, train))
        x = act(ConvBN2d(self.features, 3, 2, self.features, name="conv2")(x, train))
        return ConvBN2d(self.features, name="conv3")(x, train)


class WindowAttention(nn.Module):
    """A norm and attention with a bias for each distance: (N, window_size ** 2, C) -> same.

    Attributes:
        num_heads: a divisor of C.
        window_size: places down and across.
    """

    num_heads: int
    window_size: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """In the dtype of `x`."""
        n, length, width = x.shape
        bias = DistanceBias(self.num_heads, self.window_size)
        nn.share_scope(self, bias)
        qkv = Linear(3 * width, name="qkv")(LayerNorm(name="norm")(x))
        query, key, value = jnp.split(qkv.reshape(n, length, self.num_heads, -1), 3, axis=-1)  # a head's lie together
        return Linear(width, name="proj")(attention(query, key, value, bias()).reshape(x.shape))


class MLP(nn.Module):
    """A norm and two linear layers with an activation between: (..., C) -> same."""

    width: int
    drop_rate: float = 0.0
    act_cfg: Config = GELU

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with dropout."""
        drop = nn.Dropout(self.drop_rate, deterministic=not train)
        y = Linear(self.width, name="fc1")(LayerNorm(name="norm")(x))
        return drop(Linear(x.shape[-1], name="fc2")(drop(build_activation(self.act_cfg)(y))))


class TinyViTBlock(nn.Module):
    """Attention within windows, a convolution of each channel and a feed-forward part: (N, H, W, C) -> same.

    Attributes:
        num_heads: a divisor of C.
        window_size: places down and across; maps are padded to a multiple of it, and what is padded attends too.
        mlp_ratio: width within the feed-forward part, to C.
        local_conv_size: of the convolution.
        drop_rate: dropout rate of the feed-forward part.
        drop_path_rate: probability of dropping attention or feed-forward part for a sample.
    """

    num_heads: int
    window_size: int
    mlp_ratio: float = 4.0
    local_conv_size: int = 3
    drop_rate: float = 0.0
    drop_path_rate: float = 0.0
    act_cfg: Config = GELU

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics, dropout and stochastic depth."""
        (_, height, width, channels), window = x.shape, self.window_size
        drop_path = DropPath(self.drop_path_rate)
        y = jnp.pad(x, ((0, 0), (0, -height % window), (0, -width % window), (0, 0)))
        size = (y.shape[1], y.shape[2])
        y = WindowAttention(self.num_heads, window, name="attn")(window_partition(y, window))
        y = window_reverse(y, size, window)[:, :height, :width]
        x = residual(x, drop_path(y, train))
        x = ConvBN2d(channels, self.local_conv_size, groups=channels, name="local_conv")(x, train)
        mlp = MLP(int(channels * self.mlp_ratio), self.drop_rate, self.act_cfg, name="mlp")
        return residual(x, drop_path(mlp(x, train), train))


class TinyViT(Backbone):
    """Images (N, H, W, C) -> a tuple of the stages' outputs, each through a norm of its own.

    These are (N, C'), or (N, H', W', C') where `gap_before_final_norm` is false; a stage but the last ends with a
    layer that halves the map, so that the first one's H' is H / 8.

    Attributes:
        arch: 5m, 11m or 21m, or a dict of channels, num_heads and depths, one a stage.
        img_size: height and width of the images that it is for; others will do.
        window_size: places down and across of each stage's windows; the first stage, of convolutions, has none.
        mlp_ratio: width within the feed-forward parts, to that around them.
        drop_rate: dropout rate of the feed-forward parts.
        drop_path_rate: probability of dropping the last block's parts; it grows linearly from 0 at the first.
        use_checkpoint: activations of a block are computed again in the backward pass, to save memory.
        mbconv_expand_ratio: width within the first stage's blocks, to that around them.
        local_conv_size: of the other stages' convolutions.
        layer_lr_decay: nothing reads it, as in the original.
        out_indices: the stages to return, from 0.
        frozen_stages: so many stages are as in evaluation and not trained, the stem not among them; 0, -1: none.
        gap_before_final_norm: average over the positions before the last norm.
        act_cfg: of all activations but the stem's and the first blocks', which are GELU.
        norm_cfg: of the norms of outputs.

    Raises:
        UserError: an architecture or stage that is not there, or too few windows.
    """

    arch: str | Config = "5m"
    img_size: int | tuple[int, int] = (224, 224)
    window_size: tuple[int, ...] = (7, 7, 14, 7)
    in_channels: int = 3  # the original's configs give it; the layers take what comes
    mlp_ratio: float = 4.0
    drop_rate: float = 0.0
    drop_path_rate: float = 0.1
    use_checkpoint: bool = False
    mbconv_expand_ratio: float = 4.0
    local_conv_size: int = 3
    layer_lr_decay: float = 1.0
    out_indices: int | tuple[int, ...] = -1
    frozen_stages: int = 0
    gap_before_final_norm: bool = True
    act_cfg: Config = GELU
    norm_cfg: Config = LN
    init_cfg: Any = None

    layout: ClassVar[Layout] = Layout(
        stem=("patch_embed",),
        blocks=("stages.{stage}.blocks.{block}",),
        after=("stages.{stage}.downsample",),
        rest=("norm{stage}",),
        first=0,
    )

    def __post_init__(self) -> None:
        one_a_stage(self.window_size, self.num_outputs, "window_size")
        super().__post_init__()

    @property
    def settings(self) -> Config:
        """Of the architecture."""
        return settings_of(self.arch, _ARCHITECTURES)

    @property
    def num_outputs(self) -> int:
        return len(self.settings["channels"])

    @property
    def with_cp(self) -> bool:
        """The original's name for it is `use_checkpoint`."""
        return self.use_checkpoint

    def trains(self, stage: int, train: bool) -> bool:
        """The stem always does."""
        return train and (stage == 0 or super().trains(stage, train))

    def is_frozen(self, path: tuple[str, ...]) -> bool:
        """The stem never is."""
        return not path[0].startswith("patch_embed") and super().is_frozen(path)

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with batch statistics, dropout and stochastic depth, but for what is frozen."""
        channels, rates = self.settings["channels"], drop_path_rates(self.drop_path_rate, self.settings["depths"])
        x = ConvBN2d(channels[0] // 2, 3, 2, name="patch_embed.seq.0")(x, train)
        x = ConvBN2d(channels[0], 3, 2, name="patch_embed.seq.2")(build_activation(GELU)(x), train)
        outputs = []
        for index in range(self.num_outputs):
            stage_train = self.trains(index + 1, train)
            for i, rate in enumerate(rates[index]):
                x = self._block(index, i, rate, stage_train)(x, stage_train)
            if index < self.num_outputs - 1:
                merge = PatchMerging(channels[index + 1], self.act_cfg, name=f"stages.{index}.downsample")
                x = merge(x, stage_train)
            if index in self.returned:
                y = global_avg_pool(x) if self.gap_before_final_norm else x
                outputs.append(build_norm(self.norm_cfg, f"norm{index}")(y, train))
        return tuple(outputs)

    def _block(self, stage: int, i: int, rate: float, train: bool) -> nn.Module:
        name = f"stages.{stage}.blocks.{i}"
        if stage == 0:
            return self.checkpointed(MBConvBlock, train)(self.mbconv_expand_ratio, rate, name=name)
        return self.checkpointed(TinyViTBlock, train)(
            self.settings["num_heads"][stage],
            self.window_size[stage],
            self.mlp_ratio,
            self.local_conv_size,
            self.drop_rate,
            rate,
            self.act_cfg,
            name=name,
        )
