"""DaViT: timm, which averages over the positions before the last norm and pads images otherwise."""

from jaxcls.convert.built_with import norms
from jaxcls.convert.renaming import Rows, Table


def _block(place: int, kind: str, attention: str) -> Rows:
    source, target = f"stages.{{i}}.blocks.{{j}}.{place}", f"backbone.stages.{{i}}.blocks.{{j}}.{kind}"
    return {
        f"{source}.attn": f"{target}.{attention}",
        f"{source}.mlp.fc1": f"{target}.ffn.layers.0.0",
        f"{source}.mlp.fc2": f"{target}.ffn.layers.1",
        source: target,
    }


TABLES = (
    Table(
        ("timm",),
        {
            "stem.conv": "backbone.patch_embed.projection",
            "stem.norm": "backbone.patch_embed.norm",
            "stages.{i+1}.downsample.norm": "backbone.stages.{i}.downsample.norm",
            "stages.{i+1}.downsample.conv": "backbone.stages.{i}.downsample.projection",
            **_block(0, "spatial_block", "attn.w_msa"),
            **_block(1, "channel_block", "attn"),
            "head.norm": "backbone.norm3",
            "head.fc": "head.fc",
        },
        built=norms(1e-5, gap_before_final_norm=True, **{"patch_cfg.padding": 3}),
    ),
)
