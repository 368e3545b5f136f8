"""RepVGG: timm."""

from jaxcls.convert.built_with import norms
from jaxcls.convert.renaming import Table

_LAYERS = {
    **{
        f"conv_{source}.{theirs}": f"branch_{target}.{ours}"
        for source, target in {"kxk": "3x3", "1x1": "1x1"}.items()
        for theirs, ours in {"conv": "conv", "bn": "norm"}.items()
    },
    **{f"attn.fc{i}": f"se_layer.conv{i}.conv" for i in (1, 2)},
    "identity": "branch_norm",
}

TABLES = (
    Table(
        ("timm",),
        {
            **{f"stem.{source}": f"backbone.stem.{target}" for source, target in _LAYERS.items()},
            **{
                f"stages.{{i}}.{{j}}.{source}": f"backbone.stage_{{i+1}}.{{j}}.{target}"
                for source, target in _LAYERS.items()
            },
            "head.fc": "head.fc",
        },
        built=norms(1e-5),
    ),
)
