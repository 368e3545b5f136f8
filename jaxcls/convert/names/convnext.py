"""ConvNeXt: torchvision, timm, transformers, and the paper's own code."""

from jaxcls.convert.layouts import CHANNELS_FIRST
from jaxcls.convert.renaming import As, Table

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
            "head.norm": "backbone.norm3",
            "head.fc": "head.fc",
        },
    ),
    Table(
        ("transformers",),
        {
            "convnext.embeddings.patch_embeddings": "backbone.downsample_layers.0.0",
            "convnext.embeddings.layernorm": "backbone.downsample_layers.0.1",
            "convnext.encoder.stages.{i}.downsampling_layer.{j}": "backbone.downsample_layers.{i}.{j}",
            "convnext.encoder.stages.{i}.layers.{j}.dwconv": "backbone.stages.{i}.{j}.depthwise_conv",
            "convnext.encoder.stages.{i}.layers.{j}.layernorm": "backbone.stages.{i}.{j}.norm",
            "convnext.encoder.stages.{i}.layers.{j}.pwconv1": "backbone.stages.{i}.{j}.pointwise_conv1",
            "convnext.encoder.stages.{i}.layers.{j}.pwconv2": "backbone.stages.{i}.{j}.pointwise_conv2",
            "convnext.encoder.stages.{i}.layers.{j}.layer_scale_parameter": "backbone.stages.{i}.{j}.gamma",
            "convnext.layernorm": "backbone.norm3",
            "classifier": "head.fc",
        },
        base="convnext.",
    ),
    Table(
        ("the paper's code",),
        {
            "downsample_layers.{i}.{j}": "backbone.downsample_layers.{i}.{j}",
            "stages.{i}.{j}.dwconv": "backbone.stages.{i}.{j}.depthwise_conv",
            "stages.{i}.{j}.norm": "backbone.stages.{i}.{j}.norm",
            "stages.{i}.{j}.pwconv1": "backbone.stages.{i}.{j}.pointwise_conv1",
            "stages.{i}.{j}.pwconv2": "backbone.stages.{i}.{j}.pointwise_conv2",
            "stages.{i}.{j}.gamma": "backbone.stages.{i}.{j}.gamma",
            "norm": "backbone.norm3",
            "head": "head.fc",
        },
    ),
)
