"""MobileNetV3: torchvision, timm."""

from typing import NamedTuple

from jaxcls.convert.built_with import norms
from jaxcls.convert.layouts import CONVOLUTION
from jaxcls.convert.renaming import As, Rows, Table


class _Block(NamedTuple):
    """What a block has beside a depthwise and a linear convolution."""

    expands: bool = True
    gated: bool = False


_PLAIN, _GATED = _Block(), _Block(gated=True)
_ARCHITECTURES = {  # stages of blocks, as timm counts them
    "small": ((_Block(False, True),), (_PLAIN,) * 2, (_GATED,) * 3, (_GATED,) * 2, (_GATED,) * 3),
    "large": ((_Block(False),), (_PLAIN,) * 2, (_GATED,) * 3, (_PLAIN,) * 4, (_GATED,) * 2, (_GATED,) * 3),
}
_SE = {"reduce": "se.conv1.conv", "expand": "se.conv2.conv"}


def _of_torchvision(block: _Block) -> dict[str, str]:
    names = [
        *(["expand_conv"] if block.expands else []),
        "depthwise_conv",
        *(["se"] if block.gated else []),
        "linear_conv",
    ]
    rows = dict[str, str]()
    for i, name in enumerate(names):
        if name == "se":
            rows |= {f"block.{i}.fc{j}": f"se.conv{j}.conv" for j in (1, 2)}
        else:
            rows |= {f"block.{i}.{j}": f"{name}.{part}" for j, part in enumerate(("conv", "bn"))}
    return rows


def _of_timm(block: _Block) -> dict[str, str]:
    layers = {"conv_pw": "expand_conv", "conv_dw": "depthwise_conv", "conv_pwl": "linear_conv"}
    if not block.expands:
        layers = {"conv_dw": "depthwise_conv", "conv_pw": "linear_conv"}
    rows = {f"se.conv_{part}": target for part, target in _SE.items()}
    for i, (name, target) in enumerate(layers.items(), 1):
        rows |= {name: f"{target}.conv", f"bn{i}": f"{target}.bn"}
    return rows


def _torchvision(stages: tuple[tuple[_Block, ...], ...]) -> Rows:
    blocks = [block for stage in stages for block in stage]
    last = len(blocks) + 1
    return {
        **{
            f"features.{i}.{j}": f"backbone.layer{i}.{part}" for i in (0, last) for j, part in enumerate(("conv", "bn"))
        },
        **{
            f"features.{i}.{source}": f"backbone.layer{i}.{target}"
            for i, block in enumerate(blocks, 1)
            for source, target in _of_torchvision(block).items()
        },
        "classifier.0": "head.layers.0.fc",
        "classifier.3": "head.layers.1.fc",
    }


def _timm(stages: tuple[tuple[_Block, ...], ...]) -> Rows:
    blocks = [(stage, i, block) for stage, row in enumerate(stages) for i, block in enumerate(row)]
    last = f"backbone.layer{len(blocks) + 1}"
    return {
        "conv_stem": "backbone.layer0.conv",
        "bn1": "backbone.layer0.bn",
        **{
            f"blocks.{stage}.{i}.{source}": f"backbone.layer{place}.{target}"
            for place, (stage, i, block) in enumerate(blocks, 1)
            for source, target in _of_timm(block).items()
        },
        f"blocks.{len(stages)}.0.conv": f"{last}.conv",
        f"blocks.{len(stages)}.0.bn1": f"{last}.bn",
        "conv_head.weight": As("head.layers.0.fc.weight", CONVOLUTION),
        "conv_head.bias": "head.layers.0.fc.bias",
        "classifier": "head.layers.1.fc",
    }


TABLES = tuple(
    Table((source,), rows(stages), mark=f"backbone.layer{sum(map(len, stages)) + 1}.conv.weight", built=norms(eps))
    for source, rows, eps in (("torchvision", _torchvision, 1e-3), ("timm", _timm, 1e-5))
    for stages in _ARCHITECTURES.values()
)
