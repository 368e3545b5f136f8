"""EdgeNeXt: timm."""

from jaxcls.convert.built_with import norms
from jaxcls.convert.renaming import Table

_THEIRS, _OURS = "stages.{i}.blocks.{j}", "backbone.stages.{i}.{j}"

TABLES = (
    Table(
        ("timm",),
        {
            "stem.{i}": "backbone.downsample_layers.0.{i}",
            "stages.{i}.downsample.{j}": "backbone.downsample_layers.{i}.{j}",
            **{
                f"{_THEIRS}.{source}": f"{_OURS}.{target}"
                for source, target in {
                    "conv_dw": "depthwise_conv",
                    "norm": "norm",
                    "mlp.fc1": "pointwise_conv1",
                    "mlp.fc2": "pointwise_conv2",
                    "gamma": "gamma",
                    "gamma_xca": "gamma_csa",
                    "convs": "conv_modules",
                    "pos_embd.token_projection": "pos_embed.proj",
                    "norm_xca": "norm_csa",
                    "xca.temperature": "csa.scale",
                    "xca": "csa",
                }.items()
            },
            "head.norm": "backbone.norm3",
            "head.fc": "head.fc",
        },
        built=norms(1e-6),
    ),
)
