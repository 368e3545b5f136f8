"""ResNet and its kin (ResNeXt, SE-ResNet, Res2Net, ResNeSt): torchvision and timm, timm's deep stems, transformers."""

from jaxcls.convert.built_with import norms
from jaxcls.convert.renaming import Rows, Table

_STAGES: Rows = {
    **{f"layer{{i}}.{{j}}.se.fc{k}": f"backbone.layer{{i}}.{{j}}.se_layer.conv{k}.conv" for k in (1, 2)},
    "layer{i}.{j}": "backbone.layer{i}.{j}",
    "fc": "head.fc",
}
_DEEP_STEM: Rows = {
    "conv1.0": "backbone.stem.0.conv",
    "conv1.1": "backbone.stem.0.bn",
    "conv1.3": "backbone.stem.1.conv",
    "conv1.4": "backbone.stem.1.bn",
    "conv1.6": "backbone.stem.2.conv",
    "bn1": "backbone.stem.2.bn",
}

TABLES = (
    Table(("torchvision", "timm"), {"conv1": "backbone.conv1", "bn1": "backbone.bn1", **_STAGES}, built=norms(1e-5)),
    Table(
        ("timm",),  # ResNet-D: where nothing is pooled it has an identity, the original nothing
        {
            "layer1.0.downsample.1": "backbone.layer1.0.downsample.0",
            "layer1.0.downsample.2": "backbone.layer1.0.downsample.1",
            **_DEEP_STEM,
            **_STAGES,
        },
        mark="backbone.layer2.0.downsample.2.weight",
        built=norms(1e-5),
    ),
    Table(("timm",), {**_DEEP_STEM, **_STAGES}, built=norms(1e-5)),  # ResNet-C
    Table(
        ("transformers",),
        {
            "resnet.embedder.embedder.convolution": "backbone.conv1",
            "resnet.embedder.embedder.normalization": "backbone.bn1",
            **{
                f"resnet.encoder.stages.{stage}.layers.{{i}}.{source}": f"backbone.layer{stage + 1}.{{i}}.{target}"
                for stage in range(4)
                for source, target in {
                    "shortcut.convolution": "downsample.0",
                    "shortcut.normalization": "downsample.1",
                    **{f"layer.{i}.convolution": f"conv{i + 1}" for i in range(3)},
                    **{f"layer.{i}.normalization": f"bn{i + 1}" for i in range(3)},
                }.items()
            },
            "classifier.1": "head.fc",
        },
        base="resnet.",
        built=norms(1e-5),
    ),
)
