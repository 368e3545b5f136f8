"""Twins (PCPVT, SVT): timm and the paper's code, the same names."""

from jaxcls.convert.built_with import norms
from jaxcls.convert.renaming import Table

_BLOCK = "blocks.{i}.{j}"

TABLES = (
    Table(
        ("timm", "the paper's code"),
        {
            "patch_embeds.{i}.proj": "backbone.patch_embeds.{i}.projection",
            "patch_embeds.{i}.norm": "backbone.patch_embeds.{i}.norm",
            "pos_block.{i}.proj.0": "backbone.position_encodings.{i}.proj",
            f"{_BLOCK}.mlp.fc1": "backbone.stages.{i}.{j}.ffn.layers.0.0",
            f"{_BLOCK}.mlp.fc2": "backbone.stages.{i}.{j}.ffn.layers.1",
            _BLOCK: "backbone.stages.{i}.{j}",
            "norm": "backbone.norm_after_stage3",
            "head": "head.fc",
        },
        built=norms(1e-6),
    ),
)
