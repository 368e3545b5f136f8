from __future__ import annotations

from tests.models.families.family import Family

FAMILIES = {
    "TNT": Family(
        {
            "arch": {
                "embed_dims_outer": 12,
                "embed_dims_inner": 4,
                "num_layers": 2,
                "num_heads_outer": 2,
                "num_heads_inner": 2,
            },
            "img_size": 16,
            "patch_size": 8,
            "qkv_bias": True,
            "drop_rate": 0.1,
            "drop_path_rate": 0.2,
        },
        12,
        neck=None,
        least=None,
        checkpointed=2,
        wrong=(({"arch": "x"}, "arch='x'"),),
    ),
}
