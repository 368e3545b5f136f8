"""MLP-Mixer: timm, google's archives."""

from jaxcls.convert.built_with import norms
from jaxcls.convert.layouts import FLAX
from jaxcls.convert.renaming import As, Table

_LAYER, _BLOCK = "backbone.layers.{i}", "MixerBlock_{i}"
_LINEAR = {
    f"{_BLOCK}.{mixed}_mixing.Dense_{place}": f"{_LAYER}.{mixed}_mix.layers.{layer}"
    for mixed in ("token", "channel")
    for place, layer in enumerate(("0.0", "1"))
}
_NORMS = {
    **{f"{_BLOCK}.LayerNorm_{i}": f"{_LAYER}.ln{i + 1}" for i in range(2)},
    "pre_head_layer_norm": "backbone.ln1",
}

TABLES = (
    Table(
        ("timm",),
        {
            "stem.proj": "backbone.patch_embed.projection",
            "blocks.{i}.norm1": f"{_LAYER}.ln1",
            "blocks.{i}.norm2": f"{_LAYER}.ln2",
            "blocks.{i}.mlp_tokens.fc1": f"{_LAYER}.token_mix.layers.0.0",
            "blocks.{i}.mlp_tokens.fc2": f"{_LAYER}.token_mix.layers.1",
            "blocks.{i}.mlp_channels.fc1": f"{_LAYER}.channel_mix.layers.0.0",
            "blocks.{i}.mlp_channels.fc2": f"{_LAYER}.channel_mix.layers.1",
            "norm": "backbone.ln1",
            "head": "head.fc",
        },
        built=norms(1e-6),
    ),
    Table(
        ("google",),
        {
            **{
                f"{source}.kernel": As(f"{target}.weight", FLAX)
                for source, target in {**_LINEAR, "stem": "backbone.patch_embed.projection", "head": "head.fc"}.items()
            },
            "stem.bias": "backbone.patch_embed.projection.bias",
            "head.bias": "head.fc.bias",
            **{f"{source}.bias": f"{target}.bias" for source, target in {**_LINEAR, **_NORMS}.items()},
            **{f"{source}.scale": f"{target}.weight" for source, target in _NORMS.items()},
        },
        built=norms(1e-6),
    ),
)
