"""DaViT: timm."""

from jaxcls.convert.renaming import Rows, Table


def _block(number: int, kind: str, attention: str) -> Rows:
    theirs, ours = f"stages.{{i}}.blocks.{{j}}.{number}", f"backbone.stages.{{i}}.blocks.{{j}}.{kind}"
    return {
        f"{theirs}.attn": f"{ours}.{attention}",
        f"{theirs}.mlp.fc1": f"{ours}.ffn.layers.0.0",
        f"{theirs}.mlp.fc2": f"{ours}.ffn.layers.1",
        theirs: ours,
    }


TABLES = (
    Table(
        ("timm",),
        {
            "stem.conv": "backbone.patch_embed.projection",
            "stem.norm": "backbone.patch_embed.norm",
            **_block(0, "spatial_block", "attn.w_msa"),
            **_block(1, "channel_block", "attn"),
            "stages.{i+1}.downsample.conv": "backbone.stages.{i}.downsample.projection",
            "stages.{i+1}.downsample.norm": "backbone.stages.{i}.downsample.norm",
            "head.norm": "backbone.norm3",
            "head.fc": "head.fc",
        },
    ),
)
