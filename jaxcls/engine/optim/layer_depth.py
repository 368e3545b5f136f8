"""How deep in a backbone a parameter lies, by its name: the order in which layer-wise rates decay.

    depth 0         what precedes the blocks: patch embedding, class token, positions, stem
    1, 2, …         the blocks; those of a convolutional network by stages
    the last        what follows them: the final norm, neck and head

The rules for ViT, Swin and ConvNeXt are those of mmpretrain 1.x (`get_layer_depth` of each backbone).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from jaxcls.errors import UserError

# Before the blocks, (stage, block) among them, behind them: compares as depths do.
Place = tuple[float, float]
LAST = float("inf")
STEM, REST = (-1, 0), (LAST, 0)


class Family(NamedTuple):
    """Backbones whose parameters are named alike.

    Attributes:
        stem, rest: beginnings of the names that precede and follow the blocks.
        blocks: finds `block`, and perhaps `stage`, in the name of a block's parameter.
        place: (stage, block) -> place; several blocks may share one.
        joins: finds `stage` in the name of a layer between the stages.
        join: stage -> place of such a layer, which is a block's; LAST: the last block of the stage.
    """

    stem: tuple[str, ...]
    rest: tuple[str, ...]
    blocks: str
    place: Callable[[int, int], Place] = lambda stage, block: (stage, block)
    joins: str = "(?!)"  # nothing
    join: Callable[[int], Place] = lambda stage: (stage, LAST)


def _in_threes(stage: int, block: int) -> Place:
    """Three blocks of the long third stage are one layer, each other stage is one."""
    return stage, block // 3 if stage == 2 else 0


VIT = Family(
    stem=("patch_embed.", "cls_token", "dist_token", "pos_embed"),
    rest=("ln", "bn", "gn"),
    blocks=r"layers\.(?P<block>\d+)\.",
)
SWIN = Family(
    stem=("patch_embed.", "absolute_pos_embed"),
    rest=("norm",),
    blocks=r"stages\.(?P<stage>\d+)\.blocks\.(?P<block>\d+)\.",
    joins=r"stages\.(?P<stage>\d+)\.downsample\.",
)
CONVNEXT = Family(
    stem=("downsample_layers.0.",),
    rest=("norm",),
    blocks=r"stages\.(?P<stage>\d+)\.(?P<block>\d+)\.",
    place=_in_threes,
    joins=r"downsample_layers\.(?P<stage>\d+)\.",
    join=lambda stage: (stage, 0),
)
RESNET = Family(  # and MobileNetV2, whose conv2 follows the stages
    stem=("conv1.", "bn1.", "gn1.", "ln1.", "stem."),
    rest=("conv2.",),
    blocks=r"layer(?P<stage>\d+)\.(?P<block>\d+)\.",
    place=lambda stage, block: (stage, 0),
)


def layer_depths(names: Iterable[str]) -> dict[str, int]:
    """The depth of each parameter, from 0; those of a head are deepest.

    Args:
        names: the parameters' names in the original's checkpoint, all of a classifier's.

    Raises:
        UserError: there is no rule for one of the backbone's.
    """
    names = list(names)
    inner = {name: name.removeprefix("backbone.") for name in names if name.startswith("backbone.")}
    families = (VIT, SWIN, CONVNEXT, RESNET)
    family = next((f for f in families if any(re.match(f.blocks, name) for name in inner.values())), None)
    places = {name: _place(inner[name], family) if name in inner else REST for name in names}
    order = sorted({place for place in places.values() if place[1] != LAST})
    return {name: sum(other <= place for other in order) - 1 for name, place in places.items()}


def _place(name: str, family: Family | None) -> Place:
    if family is not None:
        if name.startswith(family.stem):
            return STEM
        if name.startswith(family.rest):
            return REST
        if found := re.match(family.blocks, name):
            return family.place(int(found.groupdict().get("stage", 0)), int(found["block"]))
        if found := re.match(family.joins, name):
            return family.join(int(found["stage"]))
    raise UserError(
        f"layer_decay_rate: no rule says how deep 'backbone.{name}' is; there are rules for VisionTransformer, "
        "SwinTransformer, ConvNeXt and the families of ResNet and MobileNetV2"
    )
