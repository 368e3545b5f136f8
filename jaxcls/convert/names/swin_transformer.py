"""Swin: torchvision, timm, transformers, and the paper's own code."""

from jaxcls.convert.built_with import norms
from jaxcls.convert.layouts import MERGED_PATCHES
from jaxcls.convert.renaming import As, Rows, Table

_EMBED, _BLOCK = "backbone.patch_embed", "backbone.stages.{i}.blocks.{j}"


def _merging(sources: dict[int, str]) -> Rows:
    """Rows of the stages' ends."""
    return {
        f"{source}.{part}": As(f"backbone.stages.{stage}.downsample.{part}", MERGED_PATCHES)
        for stage, source in sources.items()
        for part in ("reduction", "norm")
    }


_BLOCKS: Rows = {  # of timm, and of the paper's code
    "patch_embed.proj": f"{_EMBED}.projection",
    "patch_embed.norm": f"{_EMBED}.norm",
    "absolute_pos_embed": "backbone.absolute_pos_embed",
    "layers.{i}.blocks.{j}.norm1": f"{_BLOCK}.norm1",
    "layers.{i}.blocks.{j}.norm2": f"{_BLOCK}.norm2",
    "layers.{i}.blocks.{j}.attn": f"{_BLOCK}.attn.w_msa",
    "layers.{i}.blocks.{j}.mlp.fc1": f"{_BLOCK}.ffn.layers.0.0",
    "layers.{i}.blocks.{j}.mlp.fc2": f"{_BLOCK}.ffn.layers.1",
    "norm": "backbone.norm3",
}
_TRANSFORMERS = "swin.encoder.layers.{i}.blocks.{j}"

TABLES = (
    Table(
        ("torchvision",),
        {
            "features.0.0": f"{_EMBED}.projection",
            "features.0.2": f"{_EMBED}.norm",
            **{
                f"features.{2 * stage + 1}.{{j}}.{source}": f"backbone.stages.{stage}.blocks.{{j}}.{target}"
                for stage in range(4)
                for source, target in {
                    "norm1": "norm1",
                    "norm2": "norm2",
                    "attn": "attn.w_msa",
                    "mlp.0": "ffn.layers.0.0",
                    "mlp.3": "ffn.layers.1",
                }.items()
            },
            **_merging({stage: f"features.{2 * stage + 2}" for stage in range(3)}),
            "norm": "backbone.norm3",
            "head": "head.fc",
        },
        built=norms(1e-5),
    ),
    Table(
        ("timm",),
        {
            **_BLOCKS,
            **_merging({stage: f"layers.{stage + 1}.downsample" for stage in range(3)}),
            "head.fc": "head.fc",
        },
        built=norms(1e-5),
    ),
    Table(
        ("the paper's code", "timm before 0.9"),
        {**_BLOCKS, **_merging({stage: f"layers.{stage}.downsample" for stage in range(3)}), "head": "head.fc"},
        built=norms(1e-5),
    ),
    Table(
        ("transformers",),
        {
            "swin.embeddings.patch_embeddings.projection": f"{_EMBED}.projection",
            "swin.embeddings.norm": f"{_EMBED}.norm",
            "swin.embeddings.position_embeddings": "backbone.absolute_pos_embed",
            f"{_TRANSFORMERS}.layernorm_before": f"{_BLOCK}.norm1",
            f"{_TRANSFORMERS}.layernorm_after": f"{_BLOCK}.norm2",
            tuple(f"{_TRANSFORMERS}.attention.self.{part}" for part in ("query", "key", "value")): (
                f"{_BLOCK}.attn.w_msa.qkv"
            ),
            f"{_TRANSFORMERS}.attention.self.relative_position_bias_table": (
                f"{_BLOCK}.attn.w_msa.relative_position_bias_table"
            ),
            f"{_TRANSFORMERS}.attention.output.dense": f"{_BLOCK}.attn.w_msa.proj",
            f"{_TRANSFORMERS}.intermediate.dense": f"{_BLOCK}.ffn.layers.0.0",
            f"{_TRANSFORMERS}.output.dense": f"{_BLOCK}.ffn.layers.1",
            **_merging({stage: f"swin.encoder.layers.{stage}.downsample" for stage in range(3)}),
            "swin.layernorm": "backbone.norm3",
            "classifier": "head.fc",
            # as release 5 names them in memory
            tuple(f"{_TRANSFORMERS}.attention.{part}_proj" for part in "qkv"): f"{_BLOCK}.attn.w_msa.qkv",
            f"{_TRANSFORMERS}.attention.o_proj": f"{_BLOCK}.attn.w_msa.proj",
            f"{_TRANSFORMERS}.attention.relative_position_bias.relative_position_bias_table": (
                f"{_BLOCK}.attn.w_msa.relative_position_bias_table"
            ),
            f"{_TRANSFORMERS}.mlp.fc1": f"{_BLOCK}.ffn.layers.0.0",
            f"{_TRANSFORMERS}.mlp.fc2": f"{_BLOCK}.ffn.layers.1",
        },
        base="swin.",
        built=norms(1e-5),
    ),
)
