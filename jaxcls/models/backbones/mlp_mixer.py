"""MLP-Mixer (Tolstikhin et al. 2021, arXiv:2105.01601); mmcls/models/backbones/mlp_mixer.py."""

from __future__ import annotations

from typing import Any, ClassVar

from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.backbones.base import Backbone, Config, architectures, settings_of
from jaxcls.models.backbones.layout import Layout
from jaxcls.models.layers import (
    FFN,
    GELU,
    LN,
    DropPath,
    PatchEmbed,
    build_norm,
    for_each,
    norm_name,
    override,
    pair,
    residual,
)
from jaxcls.models.layers.initializers import normal, xavier

# table 1 of the paper
_ARCHITECTURES = architectures(
    ("embed_dims", "num_layers", "tokens_mlp_dims", "channels_mlp_dims"),
    {
        ("s", "small"): (512, 8, 256, 2048),
        ("b", "base"): (768, 12, 384, 3072),
        ("l", "large"): (1024, 24, 512, 4096),
    },
)


class MixerBlock(nn.Module):
    """A feed-forward part across the patches and one across the channels: (N, L, D) -> same.

    Each comes after a norm and beside a shortcut.

    Attributes:
        tokens_mlp_dims: width within the part across the patches.
        channels_mlp_dims: width within the part across the channels.
        drop_rate: dropout rate of both parts.
        drop_path_rate: probability of dropping a part for a sample.
        num_fcs: layers of each part.
    """

    tokens_mlp_dims: int
    channels_mlp_dims: int
    drop_rate: float = 0.0
    drop_path_rate: float = 0.0
    num_fcs: int = 2
    act_cfg: Config = GELU
    norm_cfg: Config = LN
    init_cfg: Any = None

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with dropout and stochastic depth."""
        drop_path = DropPath(self.drop_path_rate)
        y = build_norm(self.norm_cfg, norm_name(self.norm_cfg, 1))(x, train).swapaxes(1, 2)
        y = self._mix(self.tokens_mlp_dims, "token_mix")(y, train).swapaxes(1, 2)
        x = residual(x, drop_path(y, train))
        y = build_norm(self.norm_cfg, norm_name(self.norm_cfg, 2))(x, train)
        return residual(x, drop_path(self._mix(self.channels_mlp_dims, "channel_mix")(y, train), train))

    def _mix(self, width: int, name: str) -> FFN:
        return FFN(
            width,
            self.num_fcs,
            self.act_cfg,
            self.drop_rate,
            kernel_init=xavier(distribution="uniform"),  # in the original too it wins over any init_cfg
            bias_init=normal(std=1e-6),
            name=name,
        )


class MlpMixer(Backbone):
    """Images (N, H, W, C) -> for each of `out_indices` patches (N, L, D), the last layer's normed.

    Attributes:
        arch: s(mall), b(ase), l(arge), or a dict of embed_dims, num_layers, tokens_mlp_dims, channels_mlp_dims.
        img_size: (H, W) or one number, in pixels; there are weights for each patch, so that no other size will do.
        patch_size: pixels down and across.
        out_indices: the layers to return, from 0, negative ones from the end.
        drop_rate: dropout rate in the layers.
        drop_path_rate: the stochastic depth of every layer.
        patch_cfg: arguments of `PatchEmbed` that differ.
        layer_cfgs: arguments of `MixerBlock` that differ; a dict, or one for each layer.
        with_cp: activations of a layer are computed again in the backward pass, to save memory.

    Raises:
        UserError: an architecture, a layer or an argument that is not there, or images of another size.
    """

    arch: str | Config = "base"
    img_size: int | tuple[int, int] = 224
    patch_size: int | tuple[int, int] = 16
    out_indices: int | tuple[int, ...] = -1
    drop_rate: float = 0.0
    drop_path_rate: float = 0.0
    norm_cfg: Config = LN
    act_cfg: Config = GELU
    patch_cfg: Config = nn.FrozenDict()
    layer_cfgs: Config | tuple[Config, ...] = nn.FrozenDict()
    with_cp: bool = False
    init_cfg: Any = None

    layout: ClassVar[Layout] = Layout(
        stem=("patch_embed",), blocks=("layers.{stage}",), rest=("ln1", "bn1", "gn1"), first=0
    )

    @property
    def num_outputs(self) -> int:
        return self.settings["num_layers"]

    @property
    def settings(self) -> Config:
        """Of the architecture."""
        return settings_of(self.arch, _ARCHITECTURES)

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with dropout and stochastic depth."""
        if x.shape[1:3] != pair(self.img_size):
            raise UserError(f"MlpMixer: images of {x.shape[1:3]} pixels; expected img_size={pair(self.img_size)}")
        depth, outputs = self.num_outputs, []
        x = self._patch_embed()(x, train)
        x = x.reshape(x.shape[0], -1, x.shape[-1])
        for index in range(depth):
            x = self._layer(index, train)(x, train)
            if index == depth - 1:
                x = build_norm(self.norm_cfg, norm_name(self.norm_cfg, 1))(x, train)
            if index in self.returned:
                outputs.append(x)
        return tuple(outputs)

    def _patch_embed(self) -> PatchEmbed:
        return override(
            PatchEmbed,
            self.patch_cfg,
            "patch_cfg",
            embed_dims=self.settings["embed_dims"],
            kernel_size=self.patch_size,
            stride=self.patch_size,
            name="patch_embed",
        )

    def _layer(self, index: int, train: bool) -> MixerBlock:
        return override(
            self.checkpointed(MixerBlock, train),
            for_each(self.layer_cfgs, self.num_outputs, "layer_cfgs")[index],
            "layer_cfgs",
            tokens_mlp_dims=self.settings["tokens_mlp_dims"],
            channels_mlp_dims=self.settings["channels_mlp_dims"],
            drop_rate=self.drop_rate,
            drop_path_rate=self.drop_path_rate,
            norm_cfg=self.norm_cfg,
            act_cfg=self.act_cfg,
            name=f"layers.{index}",
        )
