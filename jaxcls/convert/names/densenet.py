"""DenseNet: torchvision and timm, the same names."""

from jaxcls.convert.built_with import norms
from jaxcls.convert.renaming import Table

_LAYERS = "features.denseblock{i+1}.denselayer{j+1}"

TABLES = (
    Table(
        ("torchvision", "timm"),
        {
            "features.conv0": "backbone.stem.0",
            "features.norm0": "backbone.stem.1",
            _LAYERS: "backbone.stages.{i}.block.{j}",
            # before 0.3
            **{
                f"{_LAYERS}.{layer}.{i}": f"backbone.stages.{{i}}.block.{{j}}.{layer}{i}"
                for layer in ("norm", "conv")
                for i in (1, 2)
            },
            "features.norm5": "backbone.transitions.3.0",
            "features.transition{i+1}": "backbone.transitions.{i}",
            "classifier": "head.fc",
        },
        built=norms(1e-5),
    ),
)
