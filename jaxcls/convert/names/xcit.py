"""XCiT: timm and the paper's code, the same names."""

from jaxcls.convert.built_with import norms
from jaxcls.convert.renaming import Table

_LAYER = "backbone.xca_layers.{i}"

TABLES = (
    Table(
        ("timm", "the paper's code"),
        {
            "cls_token": "backbone.cls_token",
            **{
                f"patch_embed.proj.{2 * k}.{j}": f"backbone.patch_embed.proj.{k}.{part}"
                for k in range(4)
                for j, part in enumerate(("conv", "bn"))
            },
            "pos_embed.token_projection": "backbone.pos_embed.token_projection.conv",
            "pos_embeder.token_projection": "backbone.pos_embed.token_projection.conv",  # in the paper's code
            "blocks.{i}.local_mp.conv1": f"{_LAYER}.local_mp.conv1.conv",
            "blocks.{i}.local_mp.bn": f"{_LAYER}.local_mp.conv1.bn",
            "blocks.{i}.local_mp.conv2": f"{_LAYER}.local_mp.conv2.conv",
            **{
                f"{source}.{{i}}.mlp.fc{k}": f"backbone.{target}.{{i}}.ffn.layers.{place}"
                for source, target in {"blocks": "xca_layers", "cls_attn_blocks": "ca_layers"}.items()
                for k, place in ((1, "0.0"), (2, "1"))
            },
            "blocks": "backbone.xca_layers",
            "cls_attn_blocks": "backbone.ca_layers",
            "norm": "backbone.norm",
            "head": "head.fc",
        },
        built=norms(1e-6),
    ),
)
