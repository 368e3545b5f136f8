"""BEiT and BEiT v2: timm and the paper's code, the same names."""

from jaxcls.convert.built_with import norms
from jaxcls.convert.renaming import Table

_LAYER = "backbone.layers.{i}"

TABLES = (
    Table(
        ("timm", "the paper's code"),
        {
            "cls_token": "backbone.cls_token",
            "pos_embed": "backbone.pos_embed",
            "patch_embed.proj": "backbone.patch_embed.projection",
            "rel_pos_bias": "backbone.rel_pos_bias",
            "blocks.{i}.norm1": f"{_LAYER}.ln1",
            "blocks.{i}.norm2": f"{_LAYER}.ln2",
            "blocks.{i}.attn": f"{_LAYER}.attn",
            "blocks.{i}.gamma_1": f"{_LAYER}.gamma_1",
            "blocks.{i}.gamma_2": f"{_LAYER}.gamma_2",
            "blocks.{i}.mlp.fc1": f"{_LAYER}.ffn.layers.0.0",
            "blocks.{i}.mlp.fc2": f"{_LAYER}.ffn.layers.1",
            "norm": "backbone.ln1",
            "fc_norm": "backbone.ln2",
            "head": "head.fc",
        },
        built=norms(1e-6),
    ),
)
