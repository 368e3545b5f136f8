"""ConvMixer (Trockman & Kolter 2022, arXiv:2201.09792); mmcls/models/backbones/convmixer.py."""

from __future__ import annotations

from typing import Any, ClassVar

from flax import linen as nn
from jax import Array

from jaxcls.models.backbones.base import Backbone, Config, architectures, settings_of
from jaxcls.models.backbones.layout import Layout
from jaxcls.models.layers import BN, GELU, Conv, Layers, residual

# width / depth; table 1 of the paper
_ARCHITECTURES = architectures(
    ("embed_dims", "depth", "patch_size", "kernel_size"),
    {("768/32",): (768, 32, 7, 7), ("1024/20",): (1024, 20, 14, 9), ("1536/20",): (1536, 20, 7, 9)},
)


class ConvMixerLayer(nn.Module):
    """A convolution of each channel, added to its input, then one of each position: (N, H, W, C) -> same.

    Attributes:
        kernel_size: of the first convolution.
    """

    kernel_size: int
    layers: Layers

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics."""
        channels, act = x.shape[-1], self.layers.act
        y = Conv(channels, self.kernel_size, padding="same", groups=channels, name="0.fn.0")(x)
        x = residual(x, self.layers.norm("0.fn.2")(act(y), train))
        return self.layers.norm("3")(act(Conv(channels, 1, name="1")(x)), train)


class ConvMixer(Backbone):
    """Images (N, H, W, C) -> a tuple of layers' outputs, all (N, H / patch_size, W / patch_size, embed_dims).

    Attributes:
        arch: 768/32, 1024/20 or 1536/20, or a dict of `embed_dims`, `depth`, `patch_size` and `kernel_size`.
        out_indices: the layers to return, from 0, negative ones from the end.
        frozen_stages: so many layers, but not the stem, are as in evaluation and not trained; 0: none.
        with_cp: activations of a layer are computed again in the backward pass, to save memory.

    Raises:
        UserError: an architecture or layer that is not there.
    """

    arch: str | Config = "768/32"
    in_channels: int = 3
    norm_cfg: Config = BN
    act_cfg: Config = GELU
    out_indices: int | tuple[int, ...] = -1
    frozen_stages: int = 0
    with_cp: bool = False
    init_cfg: Any = None

    layout: ClassVar[Layout] = Layout(stem=("stem",), blocks=("stages.{stage}",), first=0)

    @property
    def settings(self) -> Config:
        """Of the architecture."""
        return settings_of(self.arch, _ARCHITECTURES)

    @property
    def num_outputs(self) -> int:
        return self.settings["depth"]

    @property
    def frozen_through(self) -> int:
        return self.frozen_stages or -1

    def stage_of(self, name: str) -> float | None:
        """The stem is never frozen."""
        return None if name.startswith("stem.") else super().stage_of(name)

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with batch statistics, but for what is frozen."""
        settings, layers, outputs = self.settings, Layers(None, self.norm_cfg, self.act_cfg), []
        x = Conv(settings["embed_dims"], settings["patch_size"], settings["patch_size"], name="stem.0")(x)
        x = layers.norm("stem.2")(layers.act(x), train)
        for i in range(settings["depth"]):
            layer_train = self.trains(i + 1, train)
            layer = self.checkpointed(ConvMixerLayer, layer_train)
            x = layer(settings["kernel_size"], layers, name=f"stages.{i}")(x, layer_train)
            if i in self.returned:
                outputs.append(x)
        return tuple(outputs)
