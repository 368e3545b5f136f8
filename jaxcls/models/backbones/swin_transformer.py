"""Swin Transformer (Liu et al. 2021, arXiv:2103.14030); mmcls/models/backbones/swin_transformer.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.backbones.base import Backbone, Config, architectures, settings_of
from jaxcls.models.backbones.layout import Layout
from jaxcls.models.layers import (
    FFN,
    LN,
    DropPath,
    PatchEmbed,
    PatchMerging,
    ShiftWindowMSA,
    build_norm,
    drop_path_rates,
    fit_pos_embed,
    fit_relative_position_bias_table,
    for_each,
    override,
    pair,
    residual,
    resize_pos_embed,
)
from jaxcls.models.layers.initializers import trunc_normal

Stage = TypeVar("Stage", bound=nn.Module)

# section 3.3 of the paper
_ARCHITECTURES = architectures(
    ("embed_dims", "depths", "num_heads"),
    {
        ("t", "tiny"): (96, (2, 2, 6, 2), (3, 6, 12, 24)),
        ("s", "small"): (96, (2, 2, 18, 2), (3, 6, 12, 24)),
        ("b", "base"): (128, (2, 2, 18, 2), (4, 8, 16, 32)),
        ("l", "large"): (192, (2, 2, 18, 2), (6, 12, 24, 48)),
    },
)


class SwinBlock(nn.Module):
    """Window attention and feed-forward, each after a norm and beside a shortcut: (N, H, W, C) -> same.

    Attributes:
        num_heads: of the attention, a divisor of C.
        window_size: pixels down and across.
        shift: windows start half a window from the corner.
        ffn_ratio: width within the feed-forward part over C.
        drop_path: probability of dropping a part for a sample.
        pad_small_map: see `ShiftWindowMSA`.
        attn_cfgs: arguments of `ShiftWindowMSA` that differ.
        ffn_cfgs: arguments of `FFN` that differ.
    """

    num_heads: int
    window_size: int = 7
    shift: bool = False
    ffn_ratio: float = 4.0
    drop_path: float = 0.0
    pad_small_map: bool = False
    attn_cfgs: Config = nn.FrozenDict()
    ffn_cfgs: Config = nn.FrozenDict()
    norm_cfg: Config = LN
    init_cfg: Any = None

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with dropout and stochastic depth."""
        attn = override(
            ShiftWindowMSA,
            self.attn_cfgs,
            "attn_cfgs",
            num_heads=self.num_heads,
            window_size=self.window_size,
            shift_size=self.window_size // 2 if self.shift else 0,
            pad_small_map=self.pad_small_map,
            name="attn",
        )
        width = int(x.shape[-1] * self.ffn_ratio)
        ffn = override(FFN, self.ffn_cfgs, "ffn_cfgs", feedforward_channels=width, name="ffn")
        drop_path = DropPath(self.drop_path)
        x = residual(x, drop_path(attn(build_norm(self.norm_cfg, "norm1")(x, train), train), train))
        return residual(x, drop_path(ffn(build_norm(self.norm_cfg, "norm2")(x, train), train), train))


class SwinBlockSequence(nn.Module):
    """A stage: (N, H, W, C) -> its blocks' output, same, and that with patches merged, (N, H / 2, W / 2, 2 * C).

    Attributes:
        depth: how many blocks; every second one shifts its windows.
        downsample: patches are merged at the end; else the outputs are the same.
        downsample_cfg: arguments of `PatchMerging` that differ.
        drop_paths: a rate for each block, or one for all.
        block_cfgs: arguments of `SwinBlock` that differ; a dict, or one for each block.
        with_cp: activations of a block are computed again in the backward pass.
    """

    depth: int
    num_heads: int
    window_size: int = 7
    downsample: bool = False
    downsample_cfg: Config = nn.FrozenDict()
    drop_paths: float | tuple[float, ...] = 0.0
    block_cfgs: Config | tuple[Config, ...] = nn.FrozenDict()
    with_cp: bool = False
    pad_small_map: bool = False
    init_cfg: Any = None

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, Array]:
        """`train`: with dropout and stochastic depth."""
        block = nn.remat(SwinBlock, static_argnums=(2,)) if train and self.with_cp else SwinBlock
        drop_paths = np.broadcast_to(self.drop_paths, self.depth)
        for i, config in enumerate(for_each(self.block_cfgs, self.depth, "block_cfgs")):
            x = override(
                block,
                config,
                "block_cfgs",
                num_heads=self.num_heads,
                window_size=self.window_size,
                shift=i % 2 == 1,
                drop_path=float(drop_paths[i]),
                pad_small_map=self.pad_small_map,
                name=f"blocks.{i}",
            )(x, train)
        if not self.downsample:
            return x, x
        channels = 2 * x.shape[-1]
        merge = override(PatchMerging, self.downsample_cfg, "downsample_cfg", out_channels=channels, name="downsample")
        return x, merge(x, train)


class SwinBackbone(Backbone):
    """What both versions share: patches with positions, then stages whose outputs are normed.

    Attributes:
        arch: an architecture's name, or a dict of its settings.
        img_size: (H, W) or one number, in pixels, that an absolute position embedding is for.
        patch_size: pixels down and across.
        window_size: patches down and across.
        drop_rate: dropout rate after the position embedding.
        drop_path_rate: the last block's stochastic depth; it grows linearly from 0.
        out_indices: the stages to return, from 0.
        use_abs_pos_embed: learnt absolute positions are added to the patches.
        interpolate_mode: how these are resized for images of another size.
        with_cp: activations of a block are computed again in the backward pass, to save memory.
        frozen_stages: the patch embedding and the stages up to this one (from 0) are not trained; -1: none.
        norm_eval: without effect, as layer norms have no running statistics.
        pad_small_map: see `ShiftWindowMSA`.
        norm_cfg: of the outputs' norms; None: outputs as they are.
        stage_cfgs: arguments of a stage that differ; a dict, or one for each stage.
        patch_cfg: arguments of `PatchEmbed` that differ.

    Raises:
        UserError: an architecture, a stage or an argument that is not there.
    """

    arch: str | Config = "tiny"
    img_size: int | tuple[int, int] = 224
    patch_size: int | tuple[int, int] = 4
    in_channels: int = 3
    window_size: Any = 7
    drop_rate: float = 0.0
    drop_path_rate: float = 0.1
    out_indices: int | tuple[int, ...] = (3,)
    use_abs_pos_embed: bool = False
    interpolate_mode: str = "bicubic"
    with_cp: bool = False
    frozen_stages: int = -1
    norm_eval: bool = False
    pad_small_map: bool = False
    norm_cfg: Config | None = LN
    stage_cfgs: Config | tuple[Config, ...] = nn.FrozenDict()
    patch_cfg: Config = nn.FrozenDict()
    init_cfg: Any = None

    freezes_first_stage_with_stem: ClassVar[bool] = True
    architectures: ClassVar[Mapping[str, Config]]

    def __post_init__(self) -> None:
        stages = len(self.settings["depths"])
        if len(self.settings["num_heads"]) != stages:
            raise UserError(f"arch: {len(self.settings['num_heads'])} num_heads for {stages} depths")
        super().__post_init__()

    @property
    def settings(self) -> Config:
        """Of the architecture."""
        return settings_of(self.arch, self.architectures)

    @property
    def num_outputs(self) -> int:
        return len(self.settings["depths"])

    def stage_of(self, name: str) -> float | None:
        """The positions are never frozen."""
        return None if name == "absolute_pos_embed" else super().stage_of(name)

    def embed(self, x: Array, train: bool) -> Array:
        """Images -> patches (N, H', W', embed_dims) with, where they are on, their positions."""
        patch_embed = self._patch_embed()
        x = patch_embed(x, train)
        if self.use_abs_pos_embed:
            own_size, (*size, width) = patch_embed.resolution(pair(self.img_size)), x.shape[1:]
            shape = (1, own_size[0] * own_size[1], width)
            pos_embed = self.param("absolute_pos_embed", trunc_normal(std=0.02), shape, jnp.float32)
            pos_embed = resize_pos_embed(pos_embed, own_size, size, self.interpolate_mode, num_extra_tokens=0)
            x = x + pos_embed.reshape(1, *size, width).astype(x.dtype)
        return nn.Dropout(self.drop_rate)(x, deterministic=not train)

    def normed(self, x: Array, index: int, train: bool) -> Array:
        """The output of a stage (N, H, W, C) -> same."""
        return x if self.norm_cfg is None else build_norm(self.norm_cfg, f"norm{index}")(x, train)

    def stage(self, kind: type[Stage], index: int, **arguments: Any) -> Stage:
        """The stage of that number, with its part of the settings, `arguments` and what `stage_cfgs` sets."""
        depths = self.settings["depths"]
        return override(
            kind,
            for_each(self.stage_cfgs, len(depths), "stage_cfgs")[index],
            "stage_cfgs",
            depth=depths[index],
            num_heads=self.settings["num_heads"][index],
            drop_paths=drop_path_rates(self.drop_path_rate, depths)[index],
            with_cp=self.with_cp,
            pad_small_map=self.pad_small_map,
            name=f"stages.{index}",
            **arguments,
        )

    @nn.nowrap
    def _patch_embed(self) -> PatchEmbed:
        return override(
            PatchEmbed,
            self.patch_cfg,
            "patch_cfg",
            embed_dims=self.settings["embed_dims"],
            kernel_size=self.patch_size,
            stride=self.patch_size,
            norm_cfg=LN,
            name="patch_embed",
        )

    @nn.nowrap
    def resize_on_load(self, path: tuple[str, ...], value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Absolute position embeddings and relative position tables are resized."""
        if path[-1] == "relative_position_bias_table":
            return fit_relative_position_bias_table(value, shape)
        if path != ("absolute_pos_embed",):
            return value
        own_size = self._patch_embed().resolution(pair(self.img_size))
        return fit_pos_embed(value, shape, own_size, self.interpolate_mode, num_extra_tokens=0)


class SwinTransformer(SwinBackbone):
    """Images (N, H, W, C) -> a tuple of stages' outputs, (N, H / 4, W / 4, embed_dims) the first of them, each normed.

    `arch` is t(iny), s(mall), b(ase), l(arge), or a dict of embed_dims, depths, num_heads.

    Attributes:
        out_after_downsample: outputs are taken after the patches were merged.
    """

    window_size: int = 7
    out_after_downsample: bool = False

    architectures: ClassVar[Mapping[str, Config]] = _ARCHITECTURES
    layout: ClassVar[Layout] = Layout(
        stem=("patch_embed", "absolute_pos_embed"),
        blocks=("stages.{stage}.blocks.{block}",),
        after=("stages.{stage}.downsample",),
        norms=("norm{stage}",),
        first=0,
    )

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with dropout and stochastic depth."""
        x = self.embed(x, self.trains(0, train))
        outputs = []
        for index in range(self.num_outputs):
            downsample = index < self.num_outputs - 1
            stage = self.stage(SwinBlockSequence, index, window_size=self.window_size, downsample=downsample)
            features, x = stage(x, self.trains(index + 1, train))
            if index in self.returned:
                outputs.append(self.normed(x if self.out_after_downsample else features, index, train))
        return tuple(outputs)
