"""EVA-02: timm, whose base and large ones have projections apart and a norm within the feed-forward part."""

from jaxcls.convert.built_with import norms
from jaxcls.convert.layouts import NO_BIAS_OF_KEYS
from jaxcls.convert.renaming import As, Rows, Table

_LAYER = "backbone.layers.{i}"
_TOGETHER: Rows = {
    "blocks.{i}.attn.qkv.weight": f"{_LAYER}.attn.qkv.weight",
    ("blocks.{i}.attn.q_bias", "blocks.{i}.attn.v_bias"): As(f"{_LAYER}.attn.qkv.bias", NO_BIAS_OF_KEYS),
    "blocks.{i}.mlp.fc1": f"{_LAYER}.mlp.w12",
}
_APART: Rows = {
    tuple(f"blocks.{{i}}.attn.{part}_proj.weight" for part in "qkv"): f"{_LAYER}.attn.qkv.weight",
    tuple(f"blocks.{{i}}.attn.{part}_proj.bias" for part in "qv"): As(f"{_LAYER}.attn.qkv.bias", NO_BIAS_OF_KEYS),
    ("blocks.{i}.mlp.fc1_g", "blocks.{i}.mlp.fc1_x"): f"{_LAYER}.mlp.w12",
    "blocks.{i}.mlp.norm": f"{_LAYER}.mlp.norm",
}
_OTHERS: Rows = {
    "cls_token": "backbone.cls_token",
    "pos_embed": "backbone.pos_embed",
    "mask_token": None,
    "patch_embed.proj": "backbone.patch_embed.projection",
    "blocks.{i}.norm1": f"{_LAYER}.norm1",
    "blocks.{i}.norm2": f"{_LAYER}.norm2",
    "blocks.{i}.attn.proj": f"{_LAYER}.attn.proj",
    "blocks.{i}.mlp.fc2": f"{_LAYER}.mlp.w3",
    "norm": "backbone.ln1",
    "fc_norm": "backbone.ln2",
    "head": "head.fc",
}

TABLES = tuple(
    Table(("timm",), {**parts, **_OTHERS}, mark=mark, built=norms(1e-6, rotary_reference=16))
    for parts, mark in ((_APART, "backbone.layers.0.mlp.norm.weight"), (_TOGETHER, ""))
)
