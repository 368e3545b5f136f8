"""MobileViT: timm."""

from jaxcls.convert.built_with import norms
from jaxcls.convert.renaming import Table

_THEIRS, _OURS = "stages.{i}.{j}", "backbone.layers.{i}.{j}"
_DEPTHS = {2: 2, 3: 4, 4: 3}  # transformer layers of each stage that has some
_LAYERS = {
    "conv1_1x1": "conv.0",
    "conv2_kxk": "conv.1",
    "conv3_1x1": "conv.2",
    "conv_kxk": "local_rep.0",
    "conv_1x1": "local_rep.1.conv",
    "transformer.{k}.norm1": "global_rep.{k}.ln1",
    "transformer.{k}.norm2": "global_rep.{k}.ln2",
    "transformer.{k}.attn": "global_rep.{k}.attn",
    "transformer.{k}.mlp.fc1": "global_rep.{k}.ffn.layers.0.0",
    "transformer.{k}.mlp.fc2": "global_rep.{k}.ffn.layers.1",
    "conv_proj": "conv_proj",
    "conv_fusion": "conv_fusion",
}

TABLES = (
    Table(
        ("timm",),
        {
            "stem": "backbone.stem",
            **{f"stages.{i}.1.norm": f"backbone.layers.{i}.1.global_rep.{depth}" for i, depth in _DEPTHS.items()},
            **{f"{_THEIRS}.{source}": f"{_OURS}.{target}" for source, target in _LAYERS.items()},
            "final_conv": "backbone.conv_1x1_exp",
            "head.fc": "head.fc",
        },
        built=norms(1e-5),
    ),
)
