"""Swin Transformer V2 (Liu et al. 2022, arXiv:2111.09883); mmcls/models/backbones/swin_transformer_v2.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.backbones.base import Config, architectures, one_a_stage
from jaxcls.models.backbones.layout import Layout
from jaxcls.models.backbones.swin_transformer import SwinBackbone
from jaxcls.models.layers import (
    FFN,
    LN,
    DropPath,
    PatchMerging,
    ShiftWindowMSA,
    WindowMSAV2,
    build_norm,
    for_each,
    override,
    residual,
)

# section 3.5 of the paper; the original gives huge and giant their heads
_ARCHITECTURES = architectures(
    ("embed_dims", "depths", "num_heads", "extra_norm_every_n_blocks"),
    {
        ("t", "tiny"): (96, (2, 2, 6, 2), (3, 6, 12, 24), 0),
        ("s", "small"): (96, (2, 2, 18, 2), (3, 6, 12, 24), 0),
        ("b", "base"): (128, (2, 2, 18, 2), (4, 8, 16, 32), 0),
        ("l", "large"): (192, (2, 2, 18, 2), (6, 12, 24, 48), 0),
        ("h", "huge"): (352, (2, 2, 18, 2), (8, 16, 32, 64), 6),
        ("g", "giant"): (512, (2, 2, 42, 4), (16, 32, 64, 128), 6),
    },
)


class SwinBlockV2(nn.Module):
    """Window attention by cosines and feed-forward, each normed and beside a shortcut: (N, H, W, C) -> same.

    Attributes:
        num_heads: of the attention, a divisor of C.
        window_size: pixels down and across.
        shift: windows start half a window from the corner.
        extra_norm: a norm at the end.
        ffn_ratio: width within the feed-forward part over C.
        drop_path: probability of dropping a part for a sample.
        pad_small_map: see `ShiftWindowMSA`.
        attn_cfgs: arguments of `ShiftWindowMSA` that differ.
        ffn_cfgs: arguments of `FFN` that differ.
        pretrained_window_size: see `WindowMSAV2`.
    """

    num_heads: int
    window_size: int = 8
    shift: bool = False
    extra_norm: bool = False
    ffn_ratio: float = 4.0
    drop_path: float = 0.0
    pad_small_map: bool = False
    attn_cfgs: Config = nn.FrozenDict()
    ffn_cfgs: Config = nn.FrozenDict()
    norm_cfg: Config = LN
    pretrained_window_size: int = 0
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
            window_msa=WindowMSAV2,
            msa_cfg=nn.FrozenDict({"pretrained_window_size": self.pretrained_window_size}),
            name="attn",
        )
        width = int(x.shape[-1] * self.ffn_ratio)
        ffn = override(FFN, self.ffn_cfgs, "ffn_cfgs", feedforward_channels=width, name="ffn")
        drop_path = DropPath(self.drop_path)  # before the norms, as in the original
        x = residual(x, build_norm(self.norm_cfg, "norm1")(drop_path(attn(x, train), train), train))
        x = residual(x, build_norm(self.norm_cfg, "norm2")(drop_path(ffn(x, train), train), train))
        return build_norm(self.norm_cfg, "norm3")(x, train) if self.extra_norm else x


class SwinBlockV2Sequence(nn.Module):
    """A stage: (N, H, W, C) -> same or, with patches merged first, (N, H / 2, W / 2, 2 * C).

    Attributes:
        depth: how many blocks; every second one shifts its windows.
        downsample: patches are merged at the beginning.
        downsample_cfg: arguments of `PatchMerging` that differ.
        drop_paths: a rate for each block, or one for all.
        block_cfgs: arguments of `SwinBlockV2` that differ; a dict, or one for each block.
        with_cp: activations of a block are computed again in the backward pass.
        extra_norm_every_n_blocks: so many blocks from one norm at a block's end to the next; 0: there are none.
        pretrained_window_size: see `WindowMSAV2`.
    """

    depth: int
    num_heads: int
    window_size: int = 8
    downsample: bool = False
    downsample_cfg: Config = nn.FrozenDict()
    drop_paths: float | tuple[float, ...] = 0.0
    block_cfgs: Config | tuple[Config, ...] = nn.FrozenDict()
    with_cp: bool = False
    pad_small_map: bool = False
    extra_norm_every_n_blocks: int = 0
    pretrained_window_size: int = 0
    init_cfg: Any = None

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with dropout and stochastic depth."""
        if self.downsample:
            width = 2 * x.shape[-1]
            x = override(PatchMerging, self.downsample_cfg, "downsample_cfg", out_channels=width, name="downsample")(
                x, train
            )
        block = nn.remat(SwinBlockV2, static_argnums=(2,)) if train and self.with_cp else SwinBlockV2
        drop_paths = np.broadcast_to(self.drop_paths, self.depth)
        every = self.extra_norm_every_n_blocks
        for i, config in enumerate(for_each(self.block_cfgs, self.depth, "block_cfgs")):
            x = override(
                block,
                config,
                "block_cfgs",
                num_heads=self.num_heads,
                window_size=self.window_size,
                shift=i % 2 == 1,
                extra_norm=every > 0 and (i + 1) % every == 0,
                drop_path=float(drop_paths[i]),
                pad_small_map=self.pad_small_map,
                pretrained_window_size=self.pretrained_window_size,
                name=f"blocks.{i}",
            )(x, train)
        return x


class SwinTransformerV2(SwinBackbone):
    """Images (N, H, W, C) -> a tuple of stages' outputs, (N, H / 4, W / 4, embed_dims) the first of them, each normed.

    `arch` is t(iny), s(mall), b(ase), l(arge), h(uge), g(iant), or a dict of embed_dims, depths, num_heads,
    extra_norm_every_n_blocks. `window_size` is one number or one a stage.

    Attributes:
        pretrained_window_sizes: one a stage, of the network that the weights are of; 0: its own.
    """

    img_size: int | tuple[int, int] = 256
    window_size: int | tuple[int, ...] = 8
    stage_cfgs: Config | tuple[Config, ...] = nn.FrozenDict({"downsample_cfg": {"is_post_norm": True}})
    pretrained_window_sizes: tuple[int, ...] = (0, 0, 0, 0)

    architectures: ClassVar[Mapping[str, Config]] = _ARCHITECTURES
    layout: ClassVar[Layout] = Layout(
        stem=("patch_embed", "absolute_pos_embed"),
        blocks=("stages.{stage}.blocks.{block}",),
        before=("stages.{stage}.downsample",),
        norms=("norm{stage}",),
        first=0,
    )

    def __post_init__(self) -> None:
        one_a_stage(self.pretrained_window_sizes, self.num_outputs, "pretrained_window_sizes")
        if not isinstance(self.window_size, int) and len(self.window_size) != self.num_outputs:
            raise UserError(f"window_size={self.window_size!r}; expected one number, or {self.num_outputs} of them")
        super().__post_init__()

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with dropout and stochastic depth."""
        x = self.embed(x, self.trains(0, train))
        outputs = []
        for index in range(self.num_outputs):
            x = self._stage(index)(x, self.trains(index + 1, train))
            if index in self.returned:
                outputs.append(self.normed(x, index, train))
        return tuple(outputs)

    def _stage(self, index: int) -> SwinBlockV2Sequence:
        window_size = self.window_size if isinstance(self.window_size, int) else self.window_size[index]
        return self.stage(
            SwinBlockV2Sequence,
            index,
            window_size=window_size,
            downsample=index > 0,
            extra_norm_every_n_blocks=self.settings["extra_norm_every_n_blocks"],
            pretrained_window_size=self.pretrained_window_sizes[index],
        )
