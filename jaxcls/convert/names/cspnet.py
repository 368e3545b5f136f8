"""CSPNet (CSPDarkNet, CSPResNet, CSPResNeXt): timm."""

from jaxcls.convert.built_with import norms
from jaxcls.convert.renaming import Rows, Table

_STAGE = "backbone.stages.{i}"
_LAYERS = {
    "conv_down": "downsample_conv",
    "conv_exp": "expand_conv",
    "conv_transition_b": "atfer_blocks_conv",
    "conv_transition": "final_conv",
}
_STAGES: Rows = {f"stages.{{i}}.{source}": f"{_STAGE}.{target}" for source, target in _LAYERS.items()}
_BLOCK = "stages.{i}.blocks.{j}"

TABLES = (
    Table(
        ("timm",),
        {
            "stem.conv1": "backbone.stem",
            _BLOCK: f"{_STAGE}.blocks.{{j}}",
            **_STAGES,
            "head.fc": "head.fc",
        },
        mark="backbone.stem.conv.weight",
        built=norms(1e-5),
    ),
    Table(
        ("timm",),
        {
            "stem.conv1": "backbone.stem.0",
            **{f"{_BLOCK}.conv{k}.conv": f"{_STAGE}.blocks.{{j}}.conv{k}" for k in (1, 2, 3)},
            **{f"{_BLOCK}.conv{k}.bn": f"{_STAGE}.blocks.{{j}}.bn{k}" for k in (1, 2, 3)},
            **_STAGES,
            "head.fc": "head.fc",
        },
        mark="backbone.stem.0.conv.weight",
        built=norms(1e-5),
    ),
)
