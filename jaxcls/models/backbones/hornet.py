"""HorNet (Rao et al. 2022, arXiv:2207.14284); mmcls/models/backbones/hornet.py."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from jaxcls.arguments import argument_names, unknown_keys
from jaxcls.errors import UserError, refuse
from jaxcls.models.backbones.base import Backbone, Config, architectures, settings_of, variant_of
from jaxcls.models.backbones.layout import Layout
from jaxcls.models.layers import (
    GELU,
    Conv,
    DropPath,
    LayerNorm,
    LayerScale,
    Linear,
    build_activation,
    drop_path_rates,
    global_avg_pool,
    residual,
)
from jaxcls.models.layers.initializers import normal
from jaxcls.models.layers.platforms import leaves_jax
from jaxcls.models.layers.position import resize_matrix

_EPS = 1e-6
_DW: Config = nn.FrozenDict({"type": "DW", "kernel_size": 7})


def _filters(*sizes: tuple[int, int]) -> tuple[Config, ...]:
    """7x7 convolutions, and in the last stages global filters, (rows, columns) of their spectra."""
    return (_DW,) * (4 - len(sizes)) + tuple(nn.FrozenDict({"type": "GF", "h": h, "w": w}) for h, w in sizes)


_DEPTHS, _ORDERS = (2, 3, 18, 2), (2, 3, 4, 5)
_AT_224, _AT_384 = _filters((14, 8), (7, 4)), _filters((24, 12), (13, 7))

# section 3.3 of the paper
_ARCHITECTURES = architectures(
    ("base_dim", "depths", "orders", "dw_cfg"),
    {
        ("t", "tiny"): (64, _DEPTHS, _ORDERS, _filters()),
        ("t-gf", "tiny-gf"): (64, _DEPTHS, _ORDERS, _AT_224),
        ("s", "small"): (96, _DEPTHS, _ORDERS, _filters()),
        ("s-gf", "small-gf"): (96, _DEPTHS, _ORDERS, _AT_224),
        ("b", "base"): (128, _DEPTHS, _ORDERS, _filters()),
        ("b-gf", "base-gf"): (128, _DEPTHS, _ORDERS, _AT_224),
        ("b-gf384", "base-gf384"): (128, _DEPTHS, _ORDERS, _AT_384),
        ("l", "large"): (192, _DEPTHS, _ORDERS, _filters()),
        ("l-gf", "large-gf"): (192, _DEPTHS, _ORDERS, _AT_224),
        ("l-gf384", "large-gf384"): (192, _DEPTHS, _ORDERS, _AT_384),
    },
)


class HorNetLayerNorm(LayerNorm):
    """A LayerNorm that is none to `norm_decay_mult`, as the original's, which derives from no norm of PyTorch's."""

    layer_types: ClassVar[tuple[str, ...]] = ("HorNetLayerNorm",)
    scale_name: ClassVar[str] = "weight"


def depthwise(channels: int, name: str, kernel_size: int, bias: bool = True) -> nn.Module:
    """A convolution of each channel: (N, H, W, C) -> same."""
    if kernel_size % 2 == 0:
        raise UserError(f"dw_cfg: kernel_size={kernel_size}; expected an odd number")
    return Conv(channels, kernel_size, padding=(kernel_size - 1) // 2, groups=channels, use_bias=bias, name=name)


class GlobalLocalFilter(nn.Module):
    """Half of the channels through a 3x3 convolution, half through a filter as large as the map: (N, H, W, C) -> same.

    The filter multiplies the map's spectrum; it is resized to maps of other sizes. Computed in float32.

    Attributes:
        h: rows of the filter's spectrum, H of the map that it is for.
        w: its columns, W / 2 + 1.
    """

    h: int = 14
    w: int = 8

    @nn.compact
    def __call__(self, x: Array) -> Array:
        half = x.shape[-1] // 2
        local, whole = jnp.split(HorNetLayerNorm(eps=_EPS, name="pre_norm")(x), 2, axis=-1)
        local = Conv(half, 3, padding=1, groups=half, use_bias=False, name="dw")(local)
        weight = self._filter(half, (x.shape[1], x.shape[2] // 2 + 1))
        filtered = filtered_by_products if leaves_jax() else filtered_by_fft
        whole = filtered(whole.astype(jnp.float32), weight).astype(x.dtype)
        return HorNetLayerNorm(eps=_EPS, name="post_norm")(jnp.stack([local, whole], axis=-1).reshape(x.shape))

    def _filter(self, channels: int, size: tuple[int, int]) -> Array:
        """(rows, columns, C, 2), real and imaginary parts."""
        weight = self.param("complex_weight", normal(std=0.02), (channels, self.h, self.w, 2), jnp.float32)
        weight = weight.astype(jnp.float32)
        if size != (self.h, self.w):
            rows, columns = (
                jnp.asarray(resize_matrix(src, dst, "bilinear", align_corners=True), jnp.float32)
                for src, dst in zip((self.h, self.w), size, strict=True)
            )
            weight = jnp.einsum("ih,jw,chwp->cijp", rows, columns, weight, precision="highest")
        return weight.transpose(1, 2, 0, 3)


def filtered_by_fft(x: Array, weight: Array) -> Array:
    """Each channel's spectrum multiplied by its weights: (N, H, W, C), (H, W / 2 + 1, C, 2) -> (N, H, W, C)."""
    spectrum = jnp.fft.rfft2(x, axes=(1, 2), norm="ortho") * jax.lax.complex(weight[..., 0], weight[..., 1])
    return jnp.fft.irfft2(spectrum, s=x.shape[1:3], axes=(1, 2), norm="ortho")


def filtered_by_products(x: Array, weight: Array) -> Array:
    """The same by the transforms' matrices, in real numbers: for runtimes without complex ones."""
    einsum = functools.partial(jnp.einsum, precision="highest")
    rows, columns = (np.fft.fft(np.eye(size), norm="ortho") for size in x.shape[1:3])
    columns = columns[:, : weight.shape[1]]
    mirrored = np.arange(1, weight.shape[1]) * 2 < x.shape[2]  # columns whose conjugates the spectrum leaves out
    back = (columns.conj() * np.r_[1, 1 + mirrored]).T

    def along(equation: str, matrix: np.ndarray, real: Array, imaginary: Array) -> tuple[Array, Array]:
        a, b = (jnp.asarray(part, jnp.float32) for part in (matrix.real, matrix.imag))
        return (
            einsum(equation, real, a) - einsum(equation, imaginary, b),
            einsum(equation, real, b) + einsum(equation, imaginary, a),
        )

    real, imaginary = along("nhwc,wk->nhkc", columns, x, jnp.zeros_like(x))
    real, imaginary = along("nhkc,hm->nmkc", rows, real, imaginary)
    a, b = weight[..., 0], weight[..., 1]
    real, imaginary = real * a - imaginary * b, real * b + imaginary * a
    real, imaginary = along("nmkc,mh->nhkc", rows.conj(), real, imaginary)
    return along("nhkc,kw->nhwc", back, real, imaginary)[0]


def global_local(channels: int, name: str, h: int = 14, w: int = 8) -> nn.Module:
    """A `GlobalLocalFilter`."""
    return GlobalLocalFilter(h, w, name=name)


_KINDS: Mapping[str, Callable[..., nn.Module]] = {"DW": depthwise, "GF": global_local}


class GnConv(nn.Module):
    """A recursive gated convolution: (N, H, W, C) -> same.

    A wide depthwise convolution makes the gates; features pass `order` of them, ever more channels at a time.

    Attributes:
        dw_cfg: `type` DW with `kernel_size` and `bias`, or GF with `h` and `w`.
        scale: of the gates.
    """

    order: int
    dw_cfg: Config
    scale: float

    @nn.compact
    def __call__(self, x: Array) -> Array:
        channels = x.shape[-1]
        widths = [channels // 2**i for i in reversed(range(self.order))]
        x = Conv(2 * channels, 1, name="proj_in")(x)
        x, gates = x[..., : widths[0]], x[..., widths[0] : widths[0] + sum(widths)]
        given = {key: value for key, value in self.dw_cfg.items() if key != "type"}
        gates = _KINDS[self.dw_cfg["type"]](sum(widths), "dwconv", **given)(gates) * self.scale
        first, *others = jnp.split(gates, np.cumsum(widths[:-1]), axis=-1)
        x = x * first
        for i, gate in enumerate(others):
            x = Conv(widths[i + 1], 1, name=f"projs.{i}")(x) * gate
        return Conv(channels, 1, name="proj_out")(x)


class HorNetBlock(nn.Module):
    """`GnConv`, then two pointwise layers, four times as wide between them: (N, H, W, C) -> same.

    Attributes:
        order: see `GnConv`; so are `dw_cfg` and `scale`.
        drop_path_rate: probability of dropping a branch.
        use_layer_scale: whether learnt factors are on the branches.
    """

    order: int
    dw_cfg: Config
    scale: float = 1.0
    drop_path_rate: float = 0.0
    use_layer_scale: bool = True

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with stochastic depth."""
        y = HorNetLayerNorm(eps=_EPS, name="norm1")(x)
        x = residual(x, self._branch(GnConv(self.order, self.dw_cfg, self.scale, name="gnconv")(y), 1, train))
        y = Linear(4 * x.shape[-1], name="pwconv1")(HorNetLayerNorm(eps=_EPS, name="norm2")(x))
        return residual(x, self._branch(Linear(x.shape[-1], name="pwconv2")(build_activation(GELU)(y)), 2, train))

    def _branch(self, y: Array, index: int, train: bool) -> Array:
        y = LayerScale(name=f"gamma{index}")(y) if self.use_layer_scale else y
        return DropPath(self.drop_path_rate)(y, train)


class HorNet(Backbone):
    """Images (N, H, W, C) -> a tuple of the stages' outputs, each through a norm of its own.

    These are (N, C'), or (N, H', W', C') where `gap_before_final_norm` is false; the first stage's H' is H / 4.

    Attributes:
        arch: tiny, small, base or large, with `-gf` for global filters in the last two stages and, for the two larger
            ones, `-gf384` for those of images of 384 pixels; or a dict of `base_dim` and, one of each a stage,
            `depths`, `orders` and `dw_cfg` (see `GnConv`).
        drop_path_rate: probability of dropping the last block's branches; it grows linearly from 0 at the first.
        scale: of the gates.
        use_layer_scale: whether learnt factors are on the blocks' branches.
        out_indices: the stages to return, from 0.
        frozen_stages: this stage, from 0, and those before it, their norms too, are as in evaluation and not trained;
            -1: none. (The original's norms of frozen stages are one off, where they are there at all.)
        with_cp: activations of a block are computed again in the backward pass, to save memory.
        gap_before_final_norm: average over the positions before the last norm.

    Raises:
        UserError: an architecture, convolution or stage that is not there.
    """

    arch: str | Config = "tiny"
    in_channels: int = 3
    drop_path_rate: float = 0.0
    scale: float = 1 / 3
    use_layer_scale: bool = True
    out_indices: int | tuple[int, ...] = (3,)
    frozen_stages: int = -1
    with_cp: bool = False
    gap_before_final_norm: bool = True
    init_cfg: Any = None

    freezes_first_stage_with_stem: ClassVar[bool] = True
    layout: ClassVar[Layout] = Layout(
        stem=("downsample_layers.0",),
        blocks=("stages.{stage}.{block}",),
        before=("downsample_layers.{stage}",),
        norms=("norm{stage}",),
        first=0,
    )

    def __post_init__(self) -> None:
        settings = self.settings
        if not len(settings["depths"]) == len(settings["orders"]) == len(settings["dw_cfg"]):
            raise UserError(f"arch={self.arch}; expected as many depths as orders and dw_cfg, one of each a stage")
        for config in settings["dw_cfg"]:
            kind = variant_of(config.get("type"), _KINDS, "dw_cfg: type")
            allowed = {"type", *(argument_names(kind) or ())} - {"channels", "name"}
            refuse(unknown_keys(config, allowed, "dw_cfg", config["type"]))
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
        """`train`: with stochastic depth, but for what is frozen."""
        outputs, rates = [], drop_path_rates(self.drop_path_rate, self.settings["depths"])
        for index in range(self.num_outputs):
            x = self.downsample(x, index)
            x = self.stage(x, index, rates[index], self.trains(index + 1, train))
            if index in self.returned:
                y = global_avg_pool(x) if self.gap_before_final_norm else x
                outputs.append(HorNetLayerNorm(eps=_EPS, name=f"norm{index}")(y))
        return tuple(outputs)

    def downsample(self, x: Array, index: int) -> Array:
        """What stands before a stage: the stem, or a norm and a 2x2 convolution of stride 2."""
        features = self.settings["base_dim"] * 2**index
        first, second = (f"downsample_layers.{index}.{i}" for i in range(2))
        if index == 0:
            return HorNetLayerNorm(eps=_EPS, name=second)(Conv(features, 4, 4, name=first)(x))
        return Conv(features, 2, 2, name=second)(HorNetLayerNorm(eps=_EPS, name=first)(x))

    def stage(self, x: Array, index: int, rates: tuple[float, ...], train: bool) -> Array:
        """A stage's blocks: (N, H, W, C) -> same."""
        order, dw_cfg = (self.settings[key][index] for key in ("orders", "dw_cfg"))
        for i, rate in enumerate(rates):
            block = self.checkpointed(HorNetBlock, train)
            x = block(order, dw_cfg, self.scale, rate, self.use_layer_scale, name=f"stages.{index}.{i}")(x, train)
        return x
