"""LeViT: timm."""

from jaxcls.convert.built_with import norms
from jaxcls.convert.renaming import Rows, Table

_DEPTH = 4  # blocks of a stage, at most


def _attention(source: str, target: str) -> Rows:
    return {f"{source}.proj.ln": f"{target}.proj.1", f"{source}.q.ln": f"{target}.q.1", source: target}


def _mlp(source: str, target: str) -> Rows:
    return {f"{source}.ln{k}": f"{target}.block.linear{k}" for k in (1, 2)}


def _blocks(stage: int) -> Rows:
    """Attention and layers by turns; a stage other than the first begins with a smaller map."""
    ours, first = f"backbone.stages.{stage}", 2 if stage else 0
    theirs, smaller = f"stages.{stage}.blocks", f"stages.{stage}.downsample"
    places = [(j, first + 2 * j) for j in range(_DEPTH)]
    parts = [
        *(_attention(f"{theirs}.{j}.attn", f"{ours}.{place}.block") for j, place in places),
        *(_mlp(f"{theirs}.{j}.mlp", f"{ours}.{place + 1}") for j, place in places),
        _attention(f"{smaller}.attn_downsample", f"{ours}.0") if stage else {},
        _mlp(f"{smaller}.mlp", f"{ours}.1") if stage else {},
    ]
    return {source: target for part in parts for source, target in part.items()}


TABLES = (
    Table(
        ("timm",),
        {
            **{
                f"stem.conv{k}.{source}": f"backbone.patch_embed.patch_embed.{2 * k - 2}.{target}"
                for k in range(1, 5)
                for source, target in {"linear": "conv", "bn": "bn"}.items()
            },
            **_blocks(0),
            **_blocks(1),
            **_blocks(2),
            "head": "head.head",
            "head_dist": "head.head_dist",
        },
        built=norms(1e-5),
    ),
)
