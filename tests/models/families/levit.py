from __future__ import annotations

from tests.models.families.family import Family

FAMILIES = {
    "LeViT": Family(
        {
            "arch": {"embed_dims": (16, 16), "num_heads": (2, 2), "depths": (1, 1), "key_dims": (4, 4)},
            "img_size": 48,
            "drop_path_rate": 0.1,
        },
        16,
        size=48,
        least=None,
        float32=tuple(f"['{name}']['__call__'][0]" for name in ("stages.0.0.block", "stages.1.0", "stages.1.2.block")),
        checkpointed=6,
        wrong=(
            ({"arch": "512"}, "arch='512'"),
            ({"arch": {"embed_dims": (8,)}}, "a dict needs embed_dims, num_heads, depths, key_dims"),
            ({"out_indices": (2,)}, r"out_indices=\(2,\); allowed: -2 to 1"),
        ),
    ),
}
