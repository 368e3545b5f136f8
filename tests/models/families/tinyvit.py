from __future__ import annotations

from tests.models.families.family import Family

FAMILIES = {
    "TinyViT": Family(
        {
            "arch": {"channels": (8, 16), "num_heads": (2, 2), "depths": (1, 1)},
            "img_size": 24,
            "window_size": (2, 2),
            "drop_rate": 0.1,
            "drop_path_rate": 0.2,
        },
        16,
        neck=None,
        size=24,
        float32=("['attn']['__call__'][0]",),
        frozen={-1: (), 0: (), 1: ("stages.0.",), 2: ("stages.",)},
        checkpointed=2,
        checkpointing="use_checkpoint",
        wrong=(
            ({"arch": "7m"}, "arch='7m'"),
            ({"window_size": (7,)}, r"window_size=\(7,\); expected one a stage, 2 of them"),
            ({"out_indices": (2,)}, r"out_indices=\(2,\); allowed: -2 to 1"),
            ({"frozen_stages": 3}, "frozen_stages=3; allowed: -1 to 2"),
        ),
    ),
}
