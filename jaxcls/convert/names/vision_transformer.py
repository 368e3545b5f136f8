"""Vision Transformers, DeiT I to III, DINOv2: torchvision, timm, transformers, the papers' code, google's archives."""

from jaxcls.convert.built_with import norms
from jaxcls.convert.layouts import FLAX, FLAX_FROM_HEADS, FLAX_TO_HEADS
from jaxcls.convert.renaming import As, Rows, Table

_LAYER = "backbone.layers.{i}"


def _transformers(base: str) -> Rows:
    """Rows for `vit` and `deit`."""
    layer, now = f"{base}.encoder.layer.{{i}}", f"{base}.layers.{{i}}"  # release 5 names them so in memory
    return {
        f"{base}.embeddings.cls_token": "backbone.cls_token",
        f"{base}.embeddings.distillation_token": "backbone.dist_token",
        f"{base}.embeddings.position_embeddings": "backbone.pos_embed",
        f"{base}.embeddings.patch_embeddings.projection": "backbone.patch_embed.projection",
        f"{layer}.layernorm_before": f"{_LAYER}.ln1",
        f"{layer}.layernorm_after": f"{_LAYER}.ln2",
        tuple(f"{layer}.attention.attention.{part}" for part in ("query", "key", "value")): f"{_LAYER}.attn.qkv",
        f"{layer}.attention.output.dense": f"{_LAYER}.attn.proj",
        f"{layer}.intermediate.dense": f"{_LAYER}.ffn.layers.0.0",
        f"{layer}.output.dense": f"{_LAYER}.ffn.layers.1",
        f"{base}.layernorm": "backbone.ln1",
        f"{base}.pooler": None,
        f"{now}.layernorm_before": f"{_LAYER}.ln1",
        f"{now}.layernorm_after": f"{_LAYER}.ln2",
        tuple(f"{now}.attention.{part}_proj" for part in "qkv"): f"{_LAYER}.attn.qkv",
        f"{now}.attention.o_proj": f"{_LAYER}.attn.proj",
        f"{now}.mlp.fc1": f"{_LAYER}.ffn.layers.0.0",
        f"{now}.mlp.fc2": f"{_LAYER}.ffn.layers.1",
    }


def _dinov2(base: str, registers: Rows, mark: str = "") -> Table:
    layer, ffn = f"{base}.encoder.layer.{{i}}", f"{_LAYER}.ffn"
    rows: Rows = {
        f"{base}.embeddings.cls_token": "backbone.cls_token",
        f"{base}.embeddings.mask_token": None,
        f"{base}.embeddings.position_embeddings": "backbone.pos_embed",
        f"{base}.embeddings.patch_embeddings.projection": "backbone.patch_embed.projection",
        f"{layer}.norm1": f"{_LAYER}.ln1",
        f"{layer}.norm2": f"{_LAYER}.ln2",
        f"{layer}.layer_scale1.lambda1": f"{_LAYER}.attn.gamma1.weight",
        f"{layer}.layer_scale2.lambda1": f"{ffn}.gamma2.weight",
        tuple(f"{layer}.attention.attention.{part}" for part in ("query", "key", "value")): f"{_LAYER}.attn.qkv",
        f"{layer}.attention.output.dense": f"{_LAYER}.attn.proj",
        f"{layer}.mlp.fc1": f"{ffn}.layers.0.0",
        f"{layer}.mlp.fc2": f"{ffn}.layers.1",
        f"{layer}.mlp.weights_in": f"{ffn}.w12",  # the giant's
        f"{layer}.mlp.weights_out": f"{ffn}.w3",
        f"{base}.layernorm": "backbone.ln1",
        "classifier": "head.fc",
        # as release 5 names them in memory
        tuple(f"{layer}.attention.{part}_proj" for part in "qkv"): f"{_LAYER}.attn.qkv",
        f"{layer}.attention.o_proj": f"{_LAYER}.attn.proj",
        (f"{layer}.mlp.gate_proj", f"{layer}.mlp.up_proj"): f"{ffn}.w12",
        f"{layer}.mlp.down_proj": f"{ffn}.w3",
    }
    return Table(("transformers",), {**registers, **rows}, base=f"{base}.", mark=mark, built=norms(1e-6))


_BLOCK = "Transformer.encoderblock_{i}"
_ATTENTION = f"{_BLOCK}.MultiHeadDotProductAttention_1"
_HEADS = ("query", "key", "value")
_GOOGLE: Rows = {
    "cls": "backbone.cls_token",
    "Transformer.posembed_input.pos_embedding": "backbone.pos_embed",
    "embedding.kernel": As("backbone.patch_embed.projection.weight", FLAX),
    "embedding.bias": "backbone.patch_embed.projection.bias",
    f"{_BLOCK}.LayerNorm_0.scale": f"{_LAYER}.ln1.weight",
    f"{_BLOCK}.LayerNorm_0.bias": f"{_LAYER}.ln1.bias",
    tuple(f"{_ATTENTION}.{part}.kernel" for part in _HEADS): As(f"{_LAYER}.attn.qkv.weight", FLAX_TO_HEADS),
    tuple(f"{_ATTENTION}.{part}.bias" for part in _HEADS): As(f"{_LAYER}.attn.qkv.bias", FLAX_TO_HEADS),
    f"{_ATTENTION}.out.kernel": As(f"{_LAYER}.attn.proj.weight", FLAX_FROM_HEADS),
    f"{_ATTENTION}.out.bias": f"{_LAYER}.attn.proj.bias",
    f"{_BLOCK}.LayerNorm_2.scale": f"{_LAYER}.ln2.weight",
    f"{_BLOCK}.LayerNorm_2.bias": f"{_LAYER}.ln2.bias",
    f"{_BLOCK}.MlpBlock_3.Dense_0.kernel": As(f"{_LAYER}.ffn.layers.0.0.weight", FLAX),
    f"{_BLOCK}.MlpBlock_3.Dense_0.bias": f"{_LAYER}.ffn.layers.0.0.bias",
    f"{_BLOCK}.MlpBlock_3.Dense_1.kernel": As(f"{_LAYER}.ffn.layers.1.weight", FLAX),
    f"{_BLOCK}.MlpBlock_3.Dense_1.bias": f"{_LAYER}.ffn.layers.1.bias",
    "Transformer.encoder_norm.scale": "backbone.ln1.weight",
    "Transformer.encoder_norm.bias": "backbone.ln1.bias",
    "pre_logits.kernel": As("head.layers.pre_logits.weight", FLAX),
    "pre_logits.bias": "head.layers.pre_logits.bias",
    "head.kernel": As("head.layers.head.weight", FLAX),
    "head.bias": "head.layers.head.bias",
}


def _timm() -> list[Table]:
    """Tables for DeiT's heads and for a plain one, with a hidden layer of two gates (DINOv2's giant) and without."""
    heads: Rows = {
        "pre_logits.fc": "head.layers.pre_logits",
        "head": "head.layers.head",
        "head_dist": "head.layers.head_dist",
    }
    first = f"{_LAYER}.ffn"
    plain: Rows = {"blocks.{i}.mlp.fc1": f"{first}.layers.0.0", "blocks.{i}.mlp.fc2": f"{first}.layers.1"}
    gated: Rows = {"blocks.{i}.mlp.fc1": f"{first}.w12", "blocks.{i}.mlp.fc2": f"{first}.w3"}
    rows: Rows = {
        **{name: f"backbone.{name}" for name in ("cls_token", "dist_token", "pos_embed")},
        "reg_token": "backbone.register_tokens",
        "patch_embed.proj": "backbone.patch_embed.projection",
        "norm_pre": "backbone.pre_norm",
        "blocks.{i}.norm1": f"{_LAYER}.ln1",
        "blocks.{i}.norm2": f"{_LAYER}.ln2",
        "blocks.{i}.ls1.gamma": f"{_LAYER}.attn.gamma1.weight",
        "blocks.{i}.ls2.gamma": f"{_LAYER}.ffn.gamma2.weight",
        "blocks.{i}.gamma_1": f"{_LAYER}.attn.gamma1.weight",  # in the code of DeiT III
        "blocks.{i}.gamma_2": f"{_LAYER}.ffn.gamma2.weight",
        "blocks.{i}.attn": f"{_LAYER}.attn",
        "blocks.{i}.mlp.w12": f"{_LAYER}.ffn.w12",  # in the code of DINOv2
        "blocks.{i}.mlp.w3": f"{_LAYER}.ffn.w3",
        "register_tokens": "backbone.register_tokens",
        "mask_token": None,
        "norm": "backbone.ln1",
    }
    fc: Rows = {"head": "head.fc"}
    return [
        Table(("timm", "the paper's code"), {**rows, **hidden, **head}, mark=mark, built=norms(1e-6))
        for hidden, head, mark in (
            (gated, fc, f"{first.format(i=0)}.w12.weight"),
            (plain, fc, "head.fc.weight"),
            (plain, heads, ""),
        )
    ]


TABLES = (
    Table(
        ("torchvision",),
        {
            "class_token": "backbone.cls_token",
            "encoder.pos_embedding": "backbone.pos_embed",
            "conv_proj": "backbone.patch_embed.projection",
            "encoder.layers.encoder_layer_{i}.ln_1": f"{_LAYER}.ln1",
            "encoder.layers.encoder_layer_{i}.ln_2": f"{_LAYER}.ln2",
            "encoder.layers.encoder_layer_{i}.self_attention.in_proj_weight": f"{_LAYER}.attn.qkv.weight",
            "encoder.layers.encoder_layer_{i}.self_attention.in_proj_bias": f"{_LAYER}.attn.qkv.bias",
            "encoder.layers.encoder_layer_{i}.self_attention.out_proj": f"{_LAYER}.attn.proj",
            "encoder.layers.encoder_layer_{i}.mlp.0": f"{_LAYER}.ffn.layers.0.0",
            "encoder.layers.encoder_layer_{i}.mlp.3": f"{_LAYER}.ffn.layers.1",
            "encoder.layers.encoder_layer_{i}.mlp.linear_1": f"{_LAYER}.ffn.layers.0.0",  # before 0.15
            "encoder.layers.encoder_layer_{i}.mlp.linear_2": f"{_LAYER}.ffn.layers.1",
            "encoder.ln": "backbone.ln1",
            "heads.pre_logits": "head.layers.pre_logits",
            "heads.head": "head.layers.head",
        },
        built=norms(1e-6),
    ),
    *_timm(),
    Table(
        ("transformers",), {**_transformers("vit"), "classifier": "head.layers.head"}, base="vit.", built=norms(1e-12)
    ),
    Table(
        ("transformers",),
        {
            **_transformers("deit"),
            "cls_classifier": "head.layers.head",
            "distillation_classifier": "head.layers.head_dist",
            "classifier": "head.layers.head",  # of a model that does not use the token
        },
        base="deit.",
        built=norms(1e-12),
    ),
    _dinov2("dinov2", {}),
    _dinov2(
        "dinov2_with_registers",
        {"dinov2_with_registers.embeddings.register_tokens": "backbone.register_tokens"},
        mark="backbone.register_tokens",
    ),
    Table(("google",), _GOOGLE, built=norms(1e-6)),
)
