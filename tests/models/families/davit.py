from __future__ import annotations

from tests.models.families.family import Family

FAMILIES = {
    "DaViT": Family(
        {
            "arch": {"embed_dims": 8, "depths": (1, 1), "num_heads": (2, 2)},
            "window_size": 2,
            "drop_path_rate": 0.2,
            "out_indices": (1,),
        },
        16,
        least=None,
        frozen={-1: (), 0: ("patch_embed.", "stages.0."), 1: ("patch_embed.", "stages.", "norm1.")},
        checkpointed=2,
        wrong=(
            ({"arch": "xl"}, "arch='xl'"),
            ({"out_indices": (2,)}, r"out_indices=\(2,\); allowed: -2 to 1"),
            ({"frozen_stages": 2}, "frozen_stages=2; allowed: -1 to 1"),
        ),
    ),
}
