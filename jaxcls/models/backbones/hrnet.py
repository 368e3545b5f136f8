"""HRNet (Wang et al. 2020, arXiv:1908.07919); mmcls/models/backbones/hrnet.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.backbones.base import Backbone, Config, variant_of
from jaxcls.models.backbones.layout import Layout
from jaxcls.models.backbones.resnet import KAIMING_INIT, BasicBlock, Bottleneck
from jaxcls.models.layers import BN, Layers

_BLOCKS: Mapping[str, tuple[Any, int]] = {"BASIC": (BasicBlock, 1), "BOTTLENECK": (Bottleneck, 4)}
_KEYS = ("num_modules", "num_branches", "block", "num_blocks", "num_channels")


def _stages(width: int) -> dict[str, dict[str, Any]]:
    """Section 3 of the paper: branches of `width` channels, twice as many at each lower resolution."""
    table: dict[str, tuple[Any, ...]] = {"stage1": (1, 1, "BOTTLENECK", (4,), (64,))}
    for branches, modules in ((2, 1), (3, 4), (4, 3)):
        widths = tuple(width * 2**i for i in range(branches))
        table[f"stage{branches}"] = (modules, branches, "BASIC", (4,) * branches, widths)
    return {name: dict(zip(_KEYS, values, strict=True)) for name, values in table.items()}


_ARCHITECTURES = {f"w{width}": _stages(width) for width in (18, 30, 32, 40, 44, 48, 64)}


class ConvNorm(nn.Module):
    """A convolution and a norm, numbered as in the original's nn.Sequential, and perhaps a rectifier."""

    features: int
    kernel_size: int
    stride: int = 1
    relu: bool = True
    layers: Layers = Layers()

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        x = self.layers.conv(self.features, self.kernel_size, self.stride, self.kernel_size // 2, name="0")(x)
        x = self.layers.norm("1")(x, train)
        return nn.relu(x) if self.relu else x


class HRModule(nn.Module):
    """Blocks in each branch, then each branch takes from all others: maps (N, H_i, W_i, C_i) -> same.

    Attributes:
        block: class of the blocks; `expansion`: theirs.
        num_blocks: of each branch.
        num_outputs: how many branches come out, from the highest resolution on.
        zero_init_residual: the last norm of each block starts at zero.
    """

    block: Any
    expansion: int
    num_blocks: tuple[int, ...]
    num_outputs: int
    zero_init_residual: bool
    layers: Layers

    @nn.compact
    def __call__(self, maps: Sequence[Array], train: bool = False) -> list[Array]:
        """`train`: with batch statistics."""
        maps = [self._branch(x, i, train) for i, x in enumerate(maps)]
        if len(maps) == 1:
            return maps
        return [nn.relu(sum(self._fuse(maps, i, j, train) for j in range(len(maps)))) for i in range(self.num_outputs)]

    def _branch(self, x: Array, index: int, train: bool) -> Array:
        for i in range(self.num_blocks[index]):
            arguments = {"layers": self.layers, "zero_init_residual": self.zero_init_residual}
            x = self.block(x.shape[-1], self.expansion, **arguments, name=f"branches.{index}.{i}")(x, train)
        return x

    def _fuse(self, maps: Sequence[Array], target: int, source: int, train: bool) -> Array:
        """A branch's map with the resolution and the channels of another."""
        x, channels, name = maps[source], maps[target].shape[-1], f"fuse_layers.{target}.{source}"
        if source > target:
            x = ConvNorm(channels, 1, relu=False, layers=self.layers, name=name)(x, train)
            return _enlarged(x, 2 ** (source - target), maps[target].shape)
        for k in range(target - source):
            last = k == target - source - 1
            conv = ConvNorm(channels if last else x.shape[-1], 3, 2, not last, self.layers, name=f"{name}.{k}")
            x = conv(x, train)
        return x


def _enlarged(x: Array, scale: int, shape: Sequence[int]) -> Array:
    """Each pixel `scale` times down and across."""
    x = x.repeat(scale, 1).repeat(scale, 2)
    if x.shape[1:3] != tuple(shape[1:3]):
        raise UserError(
            f"HRNet: a branch of {shape[1]}x{shape[2]} pixels has no place for one enlarged to "
            f"{x.shape[1]}x{x.shape[2]}; the sides of images must be multiples of 32"
        )
    return x


class HRNet(Backbone):
    """Images (N, H, W, C) -> a tuple of maps, (N, H / 4, W / 4, C') the first, each other one half as large.

    Attributes:
        arch: w18, w30, w32, w40, w44, w48 or w64, the first branch's channels.
        extra: in place of `arch`: `stage1` to `stage4`, each a dict of `num_modules`, `num_branches`, `block` (BASIC or
            BOTTLENECK), `num_blocks` and `num_channels`, the last two with one number a branch.
        conv_cfg: of all convolutions but the first stage's; so is `norm_cfg` of all norms but its.
        norm_eval: no batch statistics at all.
        with_cp: activations of a block after the first stage are computed again in the backward pass.
        zero_init_residual: the last norm of each block after the first stage starts at zero.
        multiscale_output: whether all branches come out, or the first alone.

    Raises:
        UserError: an architecture that is not there, or images whose sides are no multiples of 32.
    """

    arch: str = "w32"
    extra: Config | None = None
    in_channels: int = 3
    conv_cfg: Config | None = None
    norm_cfg: Config = BN
    norm_eval: bool = False
    with_cp: bool = False
    zero_init_residual: bool = False
    multiscale_output: bool = True
    init_cfg: Any = KAIMING_INIT

    layout: ClassVar[Layout] = Layout(
        stem=("conv1", "conv2", "bn1", "bn2", "gn1", "gn2", "ln1", "ln2", "in1", "in2"),
        blocks=("layer{stage}.{block}", "stage{stage}.{block}"),
        after=("transition{stage}",),
    )

    def __post_init__(self) -> None:
        for name, stage in self.stages.items():
            if not isinstance(stage, Mapping) or not set(_KEYS) <= set(stage):
                raise UserError(f"extra: {name}: {stage!r}; expected a dict with {', '.join(_KEYS)}")
            variant_of(stage["block"], _BLOCKS, f"extra: {name}: block")
            if not len(stage["num_blocks"]) == len(stage["num_channels"]) == stage["num_branches"]:
                raise UserError(f"extra: {name}: expected {stage['num_branches']} num_blocks and num_channels")
        super().__post_init__()

    @property
    def stages(self) -> dict[str, Config]:
        """The four stages' settings."""
        stages = variant_of(self.arch, _ARCHITECTURES, "arch") if self.extra is None else self.extra
        if missing := [name for name in (f"stage{i}" for i in range(1, 5)) if name not in stages]:
            raise UserError(f"extra: {', '.join(missing)} missing; needs stage1 to stage4")
        return {name: stages[name] for name in sorted(stages)}

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with batch statistics."""
        layers = Layers(self.conv_cfg, self.norm_cfg, norm_eval=self.norm_eval)
        for i in (1, 2):
            x = layers.conv(64, 3, 2, 1, name=f"conv{i}")(x)
            x = nn.relu(layers.norm(layers.norm_name(i))(x, train))
        maps = [self._first_stage(x, train)]
        for number in range(2, 5):
            stage = self.stages[f"stage{number}"]
            expansion = _BLOCKS[stage["block"]][1]
            widths = [channels * expansion for channels in stage["num_channels"]]
            maps = self._transition(maps, widths, f"transition{number - 1}", layers, train)
            maps = self._stage(maps, number, layers, train)
        return tuple(maps)

    def _first_stage(self, x: Array, train: bool) -> Array:
        stage = self.stages["stage1"]
        block, expansion = _BLOCKS[stage["block"]]
        features, layers = stage["num_channels"][0] * expansion, Layers(norm_eval=self.norm_eval)
        for i in range(stage["num_blocks"][0]):
            arguments = {"downsample": x.shape[-1] != features, "layers": layers, "zero_init_residual": False}
            x = block(features, expansion, **arguments, name=f"layer1.{i}")(x, train)
        return x

    def _transition(
        self, maps: list[Array], widths: Sequence[int], name: str, layers: Layers, train: bool
    ) -> list[Array]:
        """The branches with other widths, and new ones made of the last."""
        outputs = []
        for i, width in enumerate(widths):
            x = maps[min(i, len(maps) - 1)]
            if i < len(maps) and width != x.shape[-1]:
                x = ConvNorm(width, 3, layers=layers, name=f"{name}.{i}")(x, train)
            for j in range(i + 1 - len(maps)):
                features = width if j == i - len(maps) else x.shape[-1]
                x = ConvNorm(features, 3, 2, layers=layers, name=f"{name}.{i}.{j}")(x, train)
            outputs.append(x)
        return outputs

    def _stage(self, maps: list[Array], number: int, layers: Layers, train: bool) -> list[Array]:
        stage = self.stages[f"stage{number}"]
        block, expansion = _BLOCKS[stage["block"]]
        for i in range(stage["num_modules"]):
            alone = number == 4 and i == stage["num_modules"] - 1 and not self.multiscale_output
            maps = HRModule(
                self.checkpointed(block, train),
                expansion,
                tuple(stage["num_blocks"]),
                1 if alone else len(maps),
                self.zero_init_residual,
                layers,
                name=f"stage{number}.{i}",
            )(maps, train)
        return maps
