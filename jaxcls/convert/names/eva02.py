"""EVA-02: timm and the paper's code (baaivision/EVA: EVA-02/asuka/modeling_finetune.py).

The base and large ones have projections apart and a norm within the feed-forward part.
"""

from jaxcls.convert.built_with import norms
from jaxcls.convert.layouts import NO_BIAS_OF_KEYS
from jaxcls.convert.renaming import As, Rows, Table

_LAYER = "backbone.layers.{i}"
_BIASES: Rows = {("blocks.{i}.attn.q_bias", "blocks.{i}.attn.v_bias"): As(f"{_LAYER}.attn.qkv.bias", NO_BIAS_OF_KEYS)}
_ATTENTION_TOGETHER: Rows = {**_BIASES, "blocks.{i}.attn.qkv.weight": f"{_LAYER}.attn.qkv.weight"}
_ATTENTION_APART: Rows = {tuple(f"blocks.{{i}}.attn.{part}_proj.weight" for part in "qkv"): f"{_LAYER}.attn.qkv.weight"}
_TIMM_TOGETHER: Rows = {
    **_ATTENTION_TOGETHER,
    "blocks.{i}.mlp.fc1": f"{_LAYER}.mlp.w12",
    "blocks.{i}.mlp.fc2": f"{_LAYER}.mlp.w3",
}
_TIMM_APART: Rows = {
    **_ATTENTION_APART,
    tuple(f"blocks.{{i}}.attn.{part}_proj.bias" for part in "qv"): As(f"{_LAYER}.attn.qkv.bias", NO_BIAS_OF_KEYS),
    ("blocks.{i}.mlp.fc1_g", "blocks.{i}.mlp.fc1_x"): f"{_LAYER}.mlp.w12",
    "blocks.{i}.mlp.fc2": f"{_LAYER}.mlp.w3",
    "blocks.{i}.mlp.norm": f"{_LAYER}.mlp.norm",
}
# Its files hold the tables of rotary positions, once by themselves and once more in each layer.
_TABLES_OF_POSITIONS: Rows = {"rope": "backbone.rope", "blocks.{i}.attn.rope": f"{_LAYER}.attn.rope"}
_PAPERS_TOGETHER: Rows = {
    **_ATTENTION_TOGETHER,
    **_TABLES_OF_POSITIONS,
    "blocks.{i}.mlp.w12": f"{_LAYER}.mlp.w12",
    "blocks.{i}.mlp.w3": f"{_LAYER}.mlp.w3",
}
_PAPERS_APART: Rows = {
    **_ATTENTION_APART,
    **_BIASES,
    **_TABLES_OF_POSITIONS,
    ("blocks.{i}.mlp.w1", "blocks.{i}.mlp.w2"): f"{_LAYER}.mlp.w12",
    "blocks.{i}.mlp.w3": f"{_LAYER}.mlp.w3",
    "blocks.{i}.mlp.ffn_ln": f"{_LAYER}.mlp.norm",
}
_OTHERS: Rows = {
    "cls_token": "backbone.cls_token",
    "pos_embed": "backbone.pos_embed",
    "mask_token": None,
    "patch_embed.proj": "backbone.patch_embed.projection",
    "blocks.{i}.norm1": f"{_LAYER}.norm1",
    "blocks.{i}.norm2": f"{_LAYER}.norm2",
    "blocks.{i}.attn.proj": f"{_LAYER}.attn.proj",
    "norm": "backbone.ln1",
    "fc_norm": "backbone.ln2",
    "head": "head.fc",
}
_NORM = "backbone.layers.0.mlp.norm.weight"

TABLES = tuple(
    Table((source,), {**parts, **_OTHERS}, mark=mark, built=norms(1e-6, rotary_reference=16))
    for source, parts, mark in (
        ("timm", _TIMM_APART, _NORM),
        ("timm", _TIMM_TOGETHER, ""),
        ("the paper's code", _PAPERS_APART, _NORM),
        ("the paper's code", _PAPERS_TOGETHER, ""),
    )
)
