"""ShuffleNetV2: torchvision."""

from jaxcls.convert.built_with import norms
from jaxcls.convert.renaming import Table

_CONV_AND_NORM = tuple(enumerate(("conv", "bn")))
# torchvision's convolutions of each branch; norms follow, and activations that are layers, too
_BRANCHES = {"branch1": (0, 2), "branch2": (0, 3, 5)}

TABLES = (
    Table(
        ("torchvision",),
        {
            **{f"conv1.{i}": f"backbone.conv1.{part}" for i, part in _CONV_AND_NORM},
            **{
                f"stage{{i+2}}.{{j}}.{branch}.{place + i}": f"backbone.layers.{{i}}.{{j}}.{branch}.{number}.{part}"
                for branch, places in _BRANCHES.items()
                for number, place in enumerate(places)
                for i, part in _CONV_AND_NORM
            },
            **{f"conv5.{i}": f"backbone.layers.3.{part}" for i, part in _CONV_AND_NORM},
            "fc": "head.fc",
        },
        built=norms(1e-5),
    ),
)
