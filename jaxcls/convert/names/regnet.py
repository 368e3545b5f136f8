"""RegNetX and RegNetY: torchvision, timm."""

from jaxcls.convert.built_with import norms
from jaxcls.convert.renaming import Table

_CONV_AND_NORM = tuple(enumerate(("conv", "bn")))
_THEIRS, _OURS = "trunk_output.block{i}.block{i}-{j}", "backbone.layer{i}.{j}"

TABLES = (
    Table(
        ("torchvision",),
        {
            "stem.0": "backbone.conv1",
            "stem.1": "backbone.bn1",
            f"{_THEIRS}.proj": f"{_OURS}.downsample",
            **{
                f"{_THEIRS}.f.{letter}.{k}": f"{_OURS}.{part}{number}"
                for number, letter in enumerate("abc", 1)
                for k, part in _CONV_AND_NORM
            },
            **{f"{_THEIRS}.f.se.fc{k}": f"{_OURS}.se.conv{k}.conv" for k in (1, 2)},
            "fc": "head.fc",
        },
        built=norms(1e-5),
    ),
    Table(
        ("timm",),
        {
            "stem.conv": "backbone.conv1",
            "stem.bn": "backbone.bn1",
            **{f"s{{i}}.b{{j+1}}.downsample.{part}": f"{_OURS}.downsample.{k}" for k, part in _CONV_AND_NORM},
            **{
                f"s{{i}}.b{{j+1}}.conv{number}.{part}": f"{_OURS}.{part}{number}"
                for number in (1, 2, 3)
                for _, part in _CONV_AND_NORM
            },
            **{f"s{{i}}.b{{j+1}}.se.fc{k}": f"{_OURS}.se.conv{k}.conv" for k in (1, 2)},
            "head.fc": "head.fc",
        },
        built=norms(1e-5),
    ),
)
