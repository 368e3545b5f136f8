"""PoolFormer: timm."""

from jaxcls.convert.built_with import norms
from jaxcls.convert.renaming import Table

TABLES = (
    Table(
        ("timm",),
        {
            "stem.conv": "backbone.patch_embed.proj",
            **{
                f"stages.{stage}.blocks.{{j}}.{source}": f"backbone.network.{2 * stage}.{{j}}.{target}"
                for stage in range(4)
                for source, target in {
                    "layer_scale1.scale": "layer_scale_1",
                    "layer_scale2.scale": "layer_scale_2",
                    "norm1": "norm1",
                    "norm2": "norm2",
                    "mlp": "mlp",
                }.items()
            },
            **{f"stages.{stage}.downsample.conv": f"backbone.network.{2 * stage - 1}.proj" for stage in range(1, 4)},
            "head.norm": "backbone.norm6",
            "head.fc": "head.fc",
        },
        built=norms(1e-5),
    ),
)
