"""MobileOne: timm."""

from jaxcls.convert.built_with import norms
from jaxcls.convert.renaming import Table

_LAYERS = {
    **{
        f"conv_kxk.{{k}}.{theirs}": f"branch_conv_list.{{k}}.{ours}"
        for theirs, ours in (("conv", "conv"), ("bn", "norm"))
    },
    **{f"conv_scale.{theirs}": f"branch_scale.{ours}" for theirs, ours in (("conv", "conv"), ("bn", "norm"))},
    **{f"attn.fc{i}": f"se.conv{i}.conv" for i in (1, 2)},
    "identity": "branch_norm",
}

TABLES = (
    Table(
        ("timm",),
        {
            **{f"stem.{source}": f"backbone.stage0.{target}" for source, target in _LAYERS.items()},
            **{
                f"stages.{{i}}.{{j}}.{source}": f"backbone.stage{{i+1}}.{{j}}.{target}"
                for source, target in _LAYERS.items()
            },
            "head.fc": "head.fc",
        },
        built=norms(1e-5),
    ),
)
