"""MViTv2: timm, which counts the blocks of each stage, and the paper's code.

timm's numbers depend on the depths, so that there is a table for each.
"""

from jaxcls.convert.built_with import norms
from jaxcls.convert.renaming import Rows, Table

_DEPTHS = ((1, 2, 5, 2), (1, 2, 11, 2), (2, 3, 16, 3), (2, 6, 36, 4))


def _rows(depths: tuple[int, ...]) -> Rows:
    blocks = [f"stages.{stage}.blocks.{i}" for stage, depth in enumerate(depths) for i in range(depth)]
    return {
        "patch_embed.proj": "backbone.patch_embed.projection",
        **{f"{source}.shortcut_proj_attn": f"backbone.blocks.{i}.proj" for i, source in enumerate(blocks)},
        **{source: f"backbone.blocks.{i}" for i, source in enumerate(blocks)},
        "norm": "backbone.norm3",
        "head.fc": "head.fc",
    }


TABLES = (
    Table(
        ("the paper's code",),
        {
            "patch_embed.proj": "backbone.patch_embed.projection",
            "blocks": "backbone.blocks",
            "norm": "backbone.norm3",
            "head.projection": "head.fc",
        },
        built=norms(1e-6),
    ),
    *(
        Table(("timm",), _rows(depths), mark=f"backbone.blocks.{sum(depths) - 1}.norm1.weight", built=norms(1e-6))
        for depths in _DEPTHS
    ),
)
