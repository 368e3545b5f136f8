"""LeViT: timm."""

from jaxcls.convert.renaming import Rows, Table

_DEPTH = 4  # blocks of a stage, at most


def _attention(source: str, target: str) -> Rows:
    return {f"{source}.proj.ln": f"{target}.proj.1", f"{source}.q.ln": f"{target}.q.1", source: target}


def _mlp(source: str, target: str) -> Rows:
    return {f"{source}.ln{k}": f"{target}.block.linear{k}" for k in (1, 2)}


def _blocks(stage: int) -> Rows:
    """Attention and layers by turns; a stage other than the first begins with a smaller map."""
    rows, ours, first = dict(_EMPTY), f"backbone.stages.{stage}", 2 if stage else 0
    for j in range(_DEPTH):
        theirs, place = f"stages.{stage}.blocks.{j}", first + 2 * j
        rows |= _attention(f"{theirs}.attn", f"{ours}.{place}.block") | _mlp(f"{theirs}.mlp", f"{ours}.{place + 1}")
    if stage:
        theirs = f"stages.{stage}.downsample"
        rows |= _mlp(f"{theirs}.mlp", f"{ours}.1") | _attention(f"{theirs}.attn_downsample", f"{ours}.0")
    return rows


_EMPTY: Rows = {}

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
    ),
)
