"""MobileNetV2: torchvision, timm."""

from jaxcls.convert.built_with import norms
from jaxcls.convert.renaming import Table

_DEPTHS = (1, 2, 3, 4, 3, 3, 1)
_BLOCKS = [(stage, block) for stage, depth in enumerate(_DEPTHS) for block in range(depth)]

# torchvision's layers of a block that does not expand, and of one that does
_FIRST = {"0.0": "0.conv", "0.1": "0.bn", "1": "1.conv", "2": "1.bn"}
_OTHERS = {"0.0": "0.conv", "0.1": "0.bn", "1.0": "1.conv", "1.1": "1.bn", "2": "2.conv", "3": "2.bn"}

TABLES = (
    Table(
        ("torchvision",),
        {
            "features.0.0": "backbone.conv1.conv",
            "features.0.1": "backbone.conv1.bn",
            **{
                f"features.{number}.conv.{source}": f"backbone.layer{stage + 1}.{block}.conv.{target}"
                for number, (stage, block) in enumerate(_BLOCKS, 1)
                for source, target in (_FIRST if stage == 0 else _OTHERS).items()
            },
            "features.18.0": "backbone.conv2.conv",
            "features.18.1": "backbone.conv2.bn",
            "classifier.1": "head.fc",
        },
        built=norms(1e-5),
    ),
    Table(
        ("timm",),
        {
            "conv_stem": "backbone.conv1.conv",
            "bn1": "backbone.conv1.bn",
            "blocks.0.{i}.conv_dw": "backbone.layer1.{i}.conv.0.conv",
            "blocks.0.{i}.bn1": "backbone.layer1.{i}.conv.0.bn",
            "blocks.0.{i}.conv_pw": "backbone.layer1.{i}.conv.1.conv",
            "blocks.0.{i}.bn2": "backbone.layer1.{i}.conv.1.bn",
            **{
                f"blocks.{stage}.{{i}}.{source}": f"backbone.layer{stage + 1}.{{i}}.conv.{target}"
                for stage in range(1, len(_DEPTHS))
                for source, target in {
                    "conv_pw": "0.conv",
                    "bn1": "0.bn",
                    "conv_dw": "1.conv",
                    "bn2": "1.bn",
                    "conv_pwl": "2.conv",
                    "bn3": "2.bn",
                }.items()
            },
            "conv_head": "backbone.conv2.conv",
            "bn2": "backbone.conv2.bn",
            "classifier": "head.fc",
        },
        built=norms(1e-5),
    ),
)
