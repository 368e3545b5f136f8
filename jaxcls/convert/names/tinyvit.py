"""TinyViT: timm."""

from jaxcls.convert.built_with import norms
from jaxcls.convert.renaming import Rows, Table


def _convolution(source: str, target: str) -> Rows:
    """A convolution and its norm."""
    return {f"{source}.conv": f"{target}.conv2d", f"{source}.bn": f"{target}.bn2d"}


TABLES = (
    Table(
        ("timm",),
        {
            **_convolution("patch_embed.conv1", "backbone.patch_embed.seq.0"),
            **_convolution("patch_embed.conv2", "backbone.patch_embed.seq.2"),
            **{
                source: target
                for k in (1, 2, 3)
                for rows in (
                    _convolution(f"stages.0.blocks.{{j}}.conv{k}", f"backbone.stages.0.blocks.{{j}}.conv{k}"),
                    _convolution(f"stages.{{i+1}}.downsample.conv{k}", f"backbone.stages.{{i}}.downsample.conv{k}"),
                )
                for source, target in rows.items()
            },
            **_convolution("stages.{i}.blocks.{j}.local_conv", "backbone.stages.{i}.blocks.{j}.local_conv"),
            "stages.{i}.blocks.{j}": "backbone.stages.{i}.blocks.{j}",
            "head.norm": "backbone.norm3",
            "head.fc": "head.fc",
        },
        built=norms(1e-5),
    ),
)
