"""RepMLP-Net (Ding et al. 2022, arXiv:2112.11081); mmcls/models/backbones/repmlp.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.backbones.base import Backbone, Config, architectures, settings_of
from jaxcls.models.backbones.layout import Layout
from jaxcls.models.layers import (
    BN,
    GELU,
    ConvModule,
    Layers,
    PatchEmbed,
    SELayer,
    build_activation,
    override,
    pair,
    residual,
)
from jaxcls.models.layers.fuse import fuse_conv_norm, norm_as_affine
from jaxcls.models.layers.initializers import from_init_cfg, pytorch_bias, pytorch_kernel

Variables = Mapping[str, Any]

_PLAIN = Layers(act_cfg=None)
_ARCHITECTURES = architectures(
    ("channels", "depths", "sharesets_nums"),
    {("b", "base"): ((96, 192, 384, 768), (2, 2, 12, 2), (1, 4, 32, 128))},
)


class SharedLinear(nn.Module):
    """A linear layer over positions for each set of channels: (M, positions, sets) -> same.

    The kernel (1, 1, positions, sets * positions) is a grouped 1x1 convolution's, as the original has it.
    """

    use_bias: bool = False

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """In the dtype of `x`."""
        _, positions, sets = x.shape
        shape = (1, 1, positions, sets * positions)
        kinds = ("Conv2d", "_ConvNd")
        kernel = self.param("kernel", from_init_cfg(self, kinds, pytorch_kernel, is_bias=False), shape, jnp.float32)
        y = jnp.einsum("mps,pso->mos", x, kernel.reshape(positions, sets, positions).astype(x.dtype))
        if self.use_bias:
            start = from_init_cfg(self, kinds, pytorch_bias(shape), is_bias=True)
            bias = self.param("bias", start, (sets * positions,), jnp.float32)
            y = y + bias.reshape(sets, positions).T.astype(y.dtype)
        return y


class RepMLPBlock(nn.Module):
    """Each patch through a linear layer over its positions and through convolutions, weighted by channel.

    (N, H, W, C) -> same. All sets of `num_sharesets` channels share the layers.

    Attributes:
        patch: pixels of a patch, (rows, columns); H and W are multiples.
        reparam_conv_kernels: windows of the convolutions, or None.
        globalperceptron_ratio: C over the channels within `SELayer`.
        num_sharesets: channels of a set.
        deploy: the convolutions and norms are part of the linear layer.
    """

    patch: tuple[int, int]
    reparam_conv_kernels: tuple[int, ...] | None = None
    globalperceptron_ratio: int = 4
    num_sharesets: int = 1
    norm_cfg: Config = BN
    deploy: bool = False

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics."""
        n, height, width, channels = x.shape
        (rows, columns), sets = self.patch, self.num_sharesets
        weights = SELayer(ratio=self.globalperceptron_ratio, return_weight=True, name="gp")(x)
        # (N, H / rows, rows, W / columns, columns, C / sets, sets), the positions of a patch brought together
        parts = x.reshape(n, height // rows, rows, width // columns, columns, channels // sets, sets)
        maps = parts.transpose(0, 1, 3, 5, 2, 4, 6).reshape(-1, rows, columns, sets)
        y = SharedLinear(self.deploy, name="fc3")(maps.reshape(-1, rows * columns, sets))
        if not self.deploy:
            y = Layers(norm_cfg=self.norm_cfg).norm("fc3_bn")(y, train)
            for k in self.reparam_conv_kernels or ():
                convolved = ConvModule(sets, k, 1, k // 2, groups=sets, layers=_PLAIN, name=f"repconv{k}")(maps, train)
                y = y + convolved.reshape(y.shape)
        y = y.reshape(n, height // rows, width // columns, channels // sets, rows, columns, sets)
        return y.transpose(0, 1, 4, 2, 5, 3, 6).reshape(x.shape) * weights


class ConvFFN(nn.Module):
    """Two pointwise convolutions with norms, an activation between: (N, H, W, C) -> same."""

    hidden_channels: int

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics."""
        y = ConvModule(self.hidden_channels, 1, layers=_PLAIN, name="ffn_fc1")(x, train)
        return ConvModule(x.shape[-1], 1, layers=_PLAIN, name="ffn_fc2")(build_activation(GELU)(y), train)


class RepMLPNetUnit(nn.Module):
    """`RepMLPBlock` and `ConvFFN`, each after a norm and beside a shortcut: (N, H, W, C) -> same."""

    patch: tuple[int, int]
    reparam_conv_kernels: tuple[int, ...] | None
    globalperceptron_ratio: int
    num_sharesets: int
    norm_cfg: Config = BN
    deploy: bool = False

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics."""
        layers = Layers(norm_cfg=self.norm_cfg)
        block = RepMLPBlock(
            self.patch,
            self.reparam_conv_kernels,
            self.globalperceptron_ratio,
            self.num_sharesets,
            deploy=self.deploy,
            name="repmlp_block",
        )
        x = residual(x, block(layers.norm("norm1")(x, train), train))
        return residual(x, ConvFFN(4 * x.shape[-1], name="ffn_block")(layers.norm("norm2")(x, train), train))


class RepMLPNet(Backbone):
    """Images (N, H, W, C) of `img_size` -> a tuple of stages' outputs, (N, H / 8, W / 8, C') the first of them.

    Attributes:
        arch: b(ase), or a dict of channels, depths, sharesets_nums, one of each a stage.
        img_size: (H, W) or one number, in pixels; there are weights for each position, so that no other size will do.
        patch_size: pixels down and across.
        out_indices: the stages to return, after they are made smaller, from 0.
        reparam_conv_kernels: windows of the convolutions beside the linear layers, or None.
        globalperceptron_ratio: channels over those within the gate.
        patch_cfg: arguments of `PatchEmbed` that differ.
        final_norm: a norm after the last stage.
        deploy: no convolutions and norms beside the linear layers; `switch_to_deploy` gives the variables.
        with_cp: activations of a block are computed again in the backward pass, to save memory.

    Raises:
        UserError: an architecture or stage that is not there, or images of another size.
    """

    arch: str | Config
    img_size: int | tuple[int, int] = 224
    in_channels: int = 3
    patch_size: int | tuple[int, int] = 4
    out_indices: int | tuple[int, ...] = (3,)
    reparam_conv_kernels: tuple[int, ...] | None = (3,)
    globalperceptron_ratio: int = 4
    conv_cfg: Config | None = None
    norm_cfg: Config = BN
    patch_cfg: Config = nn.FrozenDict()
    final_norm: bool = True
    deploy: bool = False
    with_cp: bool = False
    init_cfg: Any = None

    layout: ClassVar[Layout] = Layout(
        stem=("patch_embed",),
        blocks=("stages.{stage}.{block}",),
        after=("downsample_layers.{stage}",),
        rest=("final_norm",),
        first=0,
    )

    def __post_init__(self) -> None:
        if len({len(self.settings[key]) for key in ("channels", "depths", "sharesets_nums")}) != 1:
            raise UserError(f"arch={self.arch}; expected as many channels as depths and sharesets_nums, one a stage")
        super().__post_init__()

    @property
    def settings(self) -> Config:
        """Of the architecture."""
        return settings_of(self.arch, _ARCHITECTURES)

    @property
    def num_outputs(self) -> int:
        return len(self.settings["depths"])

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with batch statistics."""
        if x.shape[1:3] != pair(self.img_size):
            raise UserError(f"RepMLPNet: images of {x.shape[1:3]} pixels; expected img_size={pair(self.img_size)}")
        x = nn.relu(self._patch_embed()(x, train))
        rows, columns = x.shape[1:3]
        layers, last, outputs = Layers(self.conv_cfg, self.norm_cfg), self.num_outputs - 1, []
        for stage, (depth, sets) in enumerate(
            zip(self.settings["depths"], self.settings["sharesets_nums"], strict=True)
        ):
            unit = ((rows // 2**stage, columns // 2**stage), self.reparam_conv_kernels, self.globalperceptron_ratio)
            for i in range(depth):
                name = f"stages.{stage}.{i}"
                block = self.checkpointed(RepMLPNetUnit, train)
                x = block(*unit, sets, self.norm_cfg, self.deploy, name=name)(x, train)
            if stage < last:
                features = self.settings["channels"][stage + 1]
                x = ConvModule(features, 2, 2, layers=layers, name=f"downsample_layers.{stage}")(x, train)
            if stage in self.returned:
                outputs.append(layers.norm("final_norm")(x, train) if stage == last and self.final_norm else x)
        return tuple(outputs)

    @nn.nowrap
    def _patch_embed(self) -> PatchEmbed:
        return override(
            PatchEmbed,
            self.patch_cfg,
            "patch_cfg",
            embed_dims=self.settings["channels"][0],
            kernel_size=self.patch_size,
            stride=self.patch_size,
            norm_cfg=self.norm_cfg,
            bias=False,
            name="patch_embed",
        )

    @nn.nowrap
    def switch_to_deploy(self, variables: Variables) -> tuple[RepMLPNet, dict[str, Any]]:
        """The backbone with `deploy`, and its variables: convolutions and norms merged into the linear layers."""
        if self.deploy:
            return self, dict(variables)
        size = self._patch_embed().resolution(pair(self.img_size))
        params, stats = dict(variables["params"]), dict(variables["batch_stats"])
        for name in [name for name in params if name.startswith("stages.")]:
            stage = int(name.split(".")[1])
            block, block_stats = params[name]["repmlp_block"], stats[name]["repmlp_block"]
            merged = _merged(block, block_stats, (size[0] // 2**stage, size[1] // 2**stage))
            params[name] = {**params[name], "repmlp_block": {"gp": block["gp"], "fc3": merged}}
            stats[name] = {key: value for key, value in stats[name].items() if key != "repmlp_block"}
        return self.clone(parent=None, deploy=True), {**variables, "params": params, "batch_stats": stats}


def _merged(params: Variables, stats: Variables, patch: tuple[int, int], eps: float = 1e-5) -> dict[str, np.ndarray]:
    """The linear layer, float32, that is the sum of a block's linear layer and convolutions."""
    factor, summand = norm_as_affine(params["fc3_bn"], stats["fc3_bn"], eps)
    sets, positions = len(factor), patch[0] * patch[1]
    kernel = np.asarray(params["fc3"]["kernel"], np.float64).reshape(positions, sets, positions) * factor[:, None]
    for name in [name for name in params if name.startswith("repconv")]:
        taps, bias = fuse_conv_norm(params[name]["conv"], params[name]["bn"], stats[name]["bn"], eps)
        kernel, summand = kernel + _as_linear(taps[:, :, 0], patch), summand + bias
    bias = np.repeat(summand, positions)
    return {"kernel": kernel.reshape(1, 1, positions, -1).astype(np.float32), "bias": bias.astype(np.float32)}


def _as_linear(taps: np.ndarray, patch: tuple[int, int]) -> np.ndarray:
    """Depthwise taps (k, k, sets) as (positions in, sets, positions out) of a padded patch."""
    rows, columns = patch
    window, _, sets = taps.shape
    matrix = np.zeros((rows, columns, sets, rows, columns))
    for row, column in np.ndindex(rows, columns):
        for down, across in np.ndindex(window, window):
            source = row + down - window // 2, column + across - window // 2
            if 0 <= source[0] < rows and 0 <= source[1] < columns:
                matrix[source[0], source[1], :, row, column] = taps[down, across]
    return matrix.reshape(rows * columns, sets, rows * columns)
