"""ConvNeXt, V1 and V2: torchvision, timm, transformers, and the papers' own code."""

from jaxcls.convert.built_with import norms
from jaxcls.convert.layouts import CHANNELS_FIRST, CHANNELS_LAST
from jaxcls.convert.renaming import As, Table


def _transformers(base: str, mark: str = "") -> Table:
    block, ours = f"{base}.encoder.stages.{{i}}.layers.{{j}}", "backbone.stages.{i}.{j}"
    return Table(
        ("transformers",),
        {
            f"{base}.embeddings.patch_embeddings": "backbone.downsample_layers.0.0",
            f"{base}.embeddings.layernorm": "backbone.downsample_layers.0.1",
            f"{base}.encoder.stages.{{i}}.downsampling_layer.{{j}}": "backbone.downsample_layers.{i}.{j}",
            f"{block}.dwconv": f"{ours}.depthwise_conv",
            f"{block}.layernorm": f"{ours}.norm",
            f"{block}.pwconv1": f"{ours}.pointwise_conv1",
            f"{block}.pwconv2": f"{ours}.pointwise_conv2",
            f"{block}.layer_scale_parameter": f"{ours}.gamma",
            f"{block}.grn.weight": As(f"{ours}.grn.gamma", CHANNELS_LAST),
            f"{block}.grn.bias": As(f"{ours}.grn.beta", CHANNELS_LAST),
            f"{base}.layernorm": "backbone.norm3",
            "classifier": "head.fc",
        },
        base=f"{base}.",
        mark=mark,
        built=norms(1e-6),
    )


TABLES = (
    Table(
        ("torchvision",),
        {
            "features.0.0": "backbone.downsample_layers.0.0",
            "features.0.1": "backbone.downsample_layers.0.1",
            **{
                f"features.{2 * stage}.{layer}": f"backbone.downsample_layers.{stage}.{layer}"
                for stage in range(1, 4)
                for layer in range(2)
            },
            **{
                f"features.{2 * stage + 1}.{{i}}.{source}": f"backbone.stages.{stage}.{{i}}.{target}"
                for stage in range(4)
                for source, target in {
                    "block.0": "depthwise_conv",
                    "block.2": "norm",
                    "block.3": "pointwise_conv1",
                    "block.5": "pointwise_conv2",
                }.items()
            },
            **{
                f"features.{2 * stage + 1}.{{i}}.layer_scale": As(
                    f"backbone.stages.{stage}.{{i}}.gamma", CHANNELS_FIRST
                )
                for stage in range(4)
            },
            "classifier.0": "backbone.norm3",
            "classifier.2": "head.fc",
        },
        built=norms(1e-6),
    ),
    Table(
        ("timm",),
        {
            "stem.{i}": "backbone.downsample_layers.0.{i}",
            "stages.{i}.downsample.{j}": "backbone.downsample_layers.{i}.{j}",
            "stages.{i}.blocks.{j}.conv_dw": "backbone.stages.{i}.{j}.depthwise_conv",
            "stages.{i}.blocks.{j}.norm": "backbone.stages.{i}.{j}.norm",
            "stages.{i}.blocks.{j}.mlp.fc1": "backbone.stages.{i}.{j}.pointwise_conv1",
            "stages.{i}.blocks.{j}.mlp.fc2": "backbone.stages.{i}.{j}.pointwise_conv2",
            "stages.{i}.blocks.{j}.gamma": "backbone.stages.{i}.{j}.gamma",
            "stages.{i}.blocks.{j}.mlp.grn.weight": "backbone.stages.{i}.{j}.grn.gamma",
            "stages.{i}.blocks.{j}.mlp.grn.bias": "backbone.stages.{i}.{j}.grn.beta",
            "head.norm": "backbone.norm3",
            "head.fc": "head.fc",
        },
        built=norms(1e-6),
    ),
    _transformers("convnextv2", "backbone.stages.0.0.grn.gamma"),
    _transformers("convnext"),
    Table(
        ("the paper's code",),
        {
            "downsample_layers.{i}.{j}": "backbone.downsample_layers.{i}.{j}",
            "stages.{i}.{j}.dwconv": "backbone.stages.{i}.{j}.depthwise_conv",
            "stages.{i}.{j}.norm": "backbone.stages.{i}.{j}.norm",
            "stages.{i}.{j}.pwconv1": "backbone.stages.{i}.{j}.pointwise_conv1",
            "stages.{i}.{j}.pwconv2": "backbone.stages.{i}.{j}.pointwise_conv2",
            "stages.{i}.{j}.gamma": "backbone.stages.{i}.{j}.gamma",
            "stages.{i}.{j}.grn.gamma": As("backbone.stages.{i}.{j}.grn.gamma", CHANNELS_LAST),
            "stages.{i}.{j}.grn.beta": As("backbone.stages.{i}.{j}.grn.beta", CHANNELS_LAST),
            "norm": "backbone.norm3",
            "head": "head.fc",
        },
        built=norms(1e-6),
    ),
)
