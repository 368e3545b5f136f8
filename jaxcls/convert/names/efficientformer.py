"""EfficientFormer: timm."""

from jaxcls.convert.built_with import norms
from jaxcls.convert.renaming import Rows, Table


def _block(source: str, target: str) -> Rows:
    return {
        **{f"{source}.ls{k}.gamma": f"{target}.ls{k}.weight" for k in (1, 2)},
        source: target,
    }


TABLES = (
    Table(
        ("timm",),
        {
            **{f"stem.conv{i + 1}": f"backbone.patch_embed.{i}.conv" for i in (0, 1)},
            **{f"stem.norm{i + 1}": f"backbone.patch_embed.{i}.bn" for i in (0, 1)},
            "stages.{i}.downsample.conv": "backbone.network.{i}.0.conv",
            "stages.{i}.downsample.norm": "backbone.network.{i}.0.bn",
            **_block("stages.0.blocks.{j}", "backbone.network.0.{j}"),
            **_block("stages.{i}.blocks.{j}", "backbone.network.{i}.{j+1}"),
            "norm": "backbone.norm3",
            "head": "head.head",
            "head_dist": "head.dist_head",
        },
        built=norms(1e-5),
    ),
)
