"""Swin V2: torchvision, timm, the paper's code, transformers."""

from jaxcls.convert.built_with import norms
from jaxcls.convert.layouts import MERGED_PATCHES, WITHOUT_KEYS
from jaxcls.convert.renaming import As, Rows, Table

_EMBED, _BLOCK = "backbone.patch_embed", "backbone.stages.{i}.blocks.{j}"
_ATTENTION = f"{_BLOCK}.attn.w_msa"


def _merging(source: str, target: str) -> Rows:
    """Rows of a stage's beginning."""
    return {
        f"{source}.reduction": As(f"{target}.downsample.reduction", MERGED_PATCHES),
        f"{source}.norm": f"{target}.downsample.norm",
    }


_BLOCKS: Rows = {  # of timm, and of the paper's code
    "patch_embed.proj": f"{_EMBED}.projection",
    "patch_embed.norm": f"{_EMBED}.norm",
    "absolute_pos_embed": "backbone.absolute_pos_embed",
    "layers.{i}.blocks.{j}.norm1": f"{_BLOCK}.norm1",
    "layers.{i}.blocks.{j}.norm2": f"{_BLOCK}.norm2",
    "layers.{i}.blocks.{j}.attn": _ATTENTION,
    "layers.{i}.blocks.{j}.mlp.fc1": f"{_BLOCK}.ffn.layers.0.0",
    "layers.{i}.blocks.{j}.mlp.fc2": f"{_BLOCK}.ffn.layers.1",
    "norm": "backbone.norm3",
}
_OF_TRANSFORMERS = "swinv2.encoder.layers.{i}.blocks.{j}"


def _torchvision(stage: int) -> Rows:
    """Rows of a stage."""
    theirs, ours = f"features.{2 * stage + 1}.{{j}}", f"backbone.stages.{stage}.blocks.{{j}}"
    attention = f"{ours}.attn.w_msa"
    return {
        f"{theirs}.norm1": f"{ours}.norm1",
        f"{theirs}.norm2": f"{ours}.norm2",
        f"{theirs}.attn.qkv.bias": As((f"{attention}.q_bias", f"{attention}.v_bias"), WITHOUT_KEYS),
        f"{theirs}.attn": attention,
        f"{theirs}.mlp.0": f"{ours}.ffn.layers.0.0",
        f"{theirs}.mlp.3": f"{ours}.ffn.layers.1",
        **(_merging(f"features.{2 * stage}", f"backbone.stages.{stage}") if stage else {}),
    }


TABLES = (
    Table(
        ("torchvision",),
        {
            "features.0.0": f"{_EMBED}.projection",
            "features.0.2": f"{_EMBED}.norm",
            **{source: target for stage in range(4) for source, target in _torchvision(stage).items()},
            "norm": "backbone.norm3",
            "head": "head.fc",
        },
        built=norms(1e-5),
    ),
    Table(
        ("timm",),
        {**_BLOCKS, **_merging("layers.{i}.downsample", "backbone.stages.{i}"), "head.fc": "head.fc"},
        built=norms(1e-5),
    ),
    Table(
        ("the paper's code", "timm before 0.9"),
        {**_BLOCKS, **_merging("layers.{i}.downsample", "backbone.stages.{i+1}"), "head": "head.fc"},
        built=norms(1e-5),
    ),
    Table(
        ("transformers",),
        {
            "swinv2.embeddings.patch_embeddings.projection": f"{_EMBED}.projection",
            "swinv2.embeddings.norm": f"{_EMBED}.norm",
            "swinv2.embeddings.position_embeddings": "backbone.absolute_pos_embed",
            f"{_OF_TRANSFORMERS}.layernorm_before": f"{_BLOCK}.norm1",
            f"{_OF_TRANSFORMERS}.layernorm_after": f"{_BLOCK}.norm2",
            tuple(f"{_OF_TRANSFORMERS}.attention.self.{part}.weight" for part in ("query", "key", "value")): (
                f"{_ATTENTION}.qkv.weight"
            ),
            f"{_OF_TRANSFORMERS}.attention.self.query.bias": f"{_ATTENTION}.q_bias",
            f"{_OF_TRANSFORMERS}.attention.self.value.bias": f"{_ATTENTION}.v_bias",
            f"{_OF_TRANSFORMERS}.attention.self.logit_scale": f"{_ATTENTION}.logit_scale",
            f"{_OF_TRANSFORMERS}.attention.self.continuous_position_bias_mlp": f"{_ATTENTION}.cpb_mlp",
            f"{_OF_TRANSFORMERS}.attention.output.dense": f"{_ATTENTION}.proj",
            f"{_OF_TRANSFORMERS}.intermediate.dense": f"{_BLOCK}.ffn.layers.0.0",
            f"{_OF_TRANSFORMERS}.output.dense": f"{_BLOCK}.ffn.layers.1",
            **_merging("swinv2.encoder.layers.{i}.downsample", "backbone.stages.{i+1}"),
            "swinv2.layernorm": "backbone.norm3",
            "classifier": "head.fc",
        },
        base="swinv2.",
        built=norms(1e-5),
    ),
)
