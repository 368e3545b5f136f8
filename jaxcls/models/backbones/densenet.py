"""DenseNet (Huang et al. 2017, arXiv:1608.06993); mmcls/models/backbones/densenet.py."""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcls.models.backbones.base import Backbone, Config, architectures, settings_of
from jaxcls.models.backbones.layout import Layout, by_stage
from jaxcls.models.layers import BN, RELU, Layers, avg_pool, max_pool

# table 1 of the paper
_ARCHITECTURES = architectures(
    ("growth_rate", "depths", "init_channels"),
    {
        ("121",): (32, (6, 12, 24, 16), 64),
        ("169",): (32, (6, 12, 32, 32), 64),
        ("201",): (32, (6, 12, 48, 32), 64),
        ("161",): (48, (6, 12, 36, 24), 96),
    },
)


class DenseLayer(nn.Module):
    """A norm and 1x1 convolution, a norm and 3x3 convolution, beside the input: (N, H, W, C) -> (N, H, W, C + growth).

    Attributes:
        growth_rate: channels that it adds.
        bn_size: channels between the convolutions over `growth_rate`.
        drop_rate: dropout rate of what it adds.
    """

    growth_rate: int
    bn_size: int
    drop_rate: float = 0.0
    layers: Layers = Layers()

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """`train`: with batch statistics and dropout."""
        y = self.layers.act(self.layers.norm("norm1")(x, train))
        y = self.layers.conv(self.bn_size * self.growth_rate, 1, name="conv1")(y)
        y = self.layers.act(self.layers.norm("norm2")(y, train))
        y = self.layers.conv(self.growth_rate, 3, padding=1, name="conv2")(y)
        return jnp.concatenate([x, nn.Dropout(self.drop_rate)(y, deterministic=not train)], axis=-1)


class DenseNet(Backbone):
    """Images (N, H, W, C) -> a tuple of stages' outputs after their transitions, (N, H / 8, W / 8, C') the first.

    The last stage's, (N, H / 32, W / 32, C'), is normed and activated in place of a transition.

    Attributes:
        arch: 121, 169, 201 or 161, or a dict of growth_rate, depths, init_channels.
        bn_size: channels between the convolutions of a layer over the growth rate.
        drop_rate: dropout rate of what each layer adds.
        compression_factor: channels after a transition over those before it.
        memory_efficient: activations of a layer are computed again in the backward pass.
        out_indices: the stages to return, from 0, negative ones from the end.
        frozen_stages: so many stages and transitions, but not the stem, are as in evaluation and not trained.

    Raises:
        UserError: an architecture or stage that is not there.
    """

    arch: str | Config = "121"
    in_channels: int = 3
    bn_size: int = 4
    drop_rate: float = 0.0
    compression_factor: float = 0.5
    memory_efficient: bool = False
    norm_cfg: Config = BN
    act_cfg: Config = RELU
    out_indices: int | tuple[int, ...] = -1
    frozen_stages: int = 0
    init_cfg: Any = None

    layout: ClassVar[Layout] = Layout(
        stem=("stem",),
        blocks=("stages.{stage}.block.{block}",),
        after=("transitions.{stage}",),
        first=0,
        place=by_stage,
    )

    @property
    def settings(self) -> Config:
        """Of the architecture."""
        return settings_of(self.arch, _ARCHITECTURES)

    @property
    def num_outputs(self) -> int:
        return len(self.settings["depths"])

    @property
    def with_cp(self) -> bool:
        """The original's name for it is `memory_efficient`."""
        return self.memory_efficient

    @property
    def frozen_through(self) -> int:
        return self.frozen_stages or -1

    def stage_of(self, name: str) -> float | None:
        """The stem is never frozen."""
        return None if name.startswith("stem.") else super().stage_of(name)

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, ...]:
        """`train`: with batch statistics and dropout, but for what is frozen."""
        layers, outputs = Layers(None, self.norm_cfg, self.act_cfg), []
        x = layers.conv(self.settings["init_channels"], 7, 2, 3, name="stem.0")(x)
        x = max_pool(layers.act(layers.norm("stem.1")(x, train)), 3, 2, 1)
        for stage, depth in enumerate(self.settings["depths"]):
            stage_train = self.trains(stage + 1, train)
            dense = self.checkpointed(DenseLayer, stage_train)
            for i in range(depth):
                arguments = (self.settings["growth_rate"], self.bn_size, self.drop_rate, layers)
                x = dense(*arguments, name=f"stages.{stage}.block.{i}")(x, stage_train)
            x = self._transition(x, stage, layers, stage_train)
            if stage in self.returned:
                outputs.append(x)
        return tuple(outputs)

    def _transition(self, x: Array, stage: int, layers: Layers, train: bool) -> Array:
        name = f"transitions.{stage}"
        if stage == self.num_outputs - 1:
            return layers.act(layers.norm(f"{name}.0")(x, train))
        x = layers.act(layers.norm(f"{name}.norm")(x, train))
        return avg_pool(layers.conv(int(x.shape[-1] * self.compression_factor), 1, name=f"{name}.conv")(x), 2)
