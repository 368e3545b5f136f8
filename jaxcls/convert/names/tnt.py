"""TNT: timm, with the blocks' first norm as in the paper (`tnt_s_legacy_…`)."""

from jaxcls.convert.built_with import norms
from jaxcls.convert.layouts import KEYS_APART_FROM_VALUES
from jaxcls.convert.renaming import As, Rows, Table

_LAYER = "backbone.layers.{i}"


def _attention(source: str, target: str) -> Rows:
    return {
        (f"blocks.{{i}}.{source}.qk.weight", f"blocks.{{i}}.{source}.v.weight"): As(
            f"{target}.attn.attn.in_proj_weight", KEYS_APART_FROM_VALUES
        ),
        f"blocks.{{i}}.{source}.proj": f"{target}.attn.attn.out_proj",
    }


TABLES = (
    Table(
        ("timm",),
        {
            **{name: f"backbone.{name}" for name in ("cls_token", "patch_pos", "pixel_pos", "pixel_embed", "norm")},
            **{f"norm{k}_proj": f"backbone.norm{k}_proj" for k in (1, 2)},
            "proj": "backbone.projection",
            "blocks.{i}.norm_in": f"{_LAYER}.inner_block.norm_attn",
            "blocks.{i}.norm_mlp_in": f"{_LAYER}.inner_block.norm_ffn",
            "blocks.{i}.mlp_in.fc1": f"{_LAYER}.inner_block.ffn.layers.0.0",
            "blocks.{i}.mlp_in.fc2": f"{_LAYER}.inner_block.ffn.layers.1",
            **_attention("attn_in", f"{_LAYER}.inner_block"),
            "blocks.{i}.norm1_proj": f"{_LAYER}.norm_proj",
            "blocks.{i}.proj": f"{_LAYER}.projection",
            "blocks.{i}.norm_out": f"{_LAYER}.outer_block.norm_attn",
            "blocks.{i}.norm_mlp": f"{_LAYER}.outer_block.norm_ffn",
            "blocks.{i}.mlp.fc1": f"{_LAYER}.outer_block.ffn.layers.0.0",
            "blocks.{i}.mlp.fc2": f"{_LAYER}.outer_block.ffn.layers.1",
            **_attention("attn_out", f"{_LAYER}.outer_block"),
            "head": "head.fc",
        },
        built=norms(1e-5),
    ),
)
