from __future__ import annotations

from tests.models.families.family import Family

FAMILIES = {
    "SwinTransformer": Family(
        {
            "arch": {"embed_dims": 8, "depths": (2, 1), "num_heads": (2, 2)},
            "img_size": 16,
            "patch_size": 2,
            "window_size": 4,
            "out_indices": (1,),
            "use_abs_pos_embed": True,
            "drop_rate": 0.1,
            "drop_path_rate": 0.2,
        },
        16,
        least=13,
        frozen={-1: (), 0: ("patch_embed.", "stages.0."), 1: ("patch_embed.", "stages.", "norm1.")},
        checkpointed=3,
        wrong=(
            ({"out_indices": (2,)}, r"out_indices=\(2,\); allowed: -2 to 1"),
            ({"frozen_stages": 2}, "frozen_stages=2; allowed: -1 to 1"),
        ),
    ),
    "SwinTransformerV2": Family(
        {
            "arch": {"embed_dims": 8, "depths": (2, 1), "num_heads": (2, 2), "extra_norm_every_n_blocks": 2},
            "img_size": 16,
            "patch_size": 2,
            "window_size": (4, 2),
            "pretrained_window_sizes": (3, 0),
            "out_indices": (1,),
            "use_abs_pos_embed": True,
            "drop_rate": 0.1,
            "drop_path_rate": 0.2,
        },
        16,
        least=7,
        float32=("cpb_mlp",),
        frozen={-1: (), 0: ("patch_embed.", "stages.0."), 1: ("patch_embed.", "stages.", "norm1.")},
        checkpointed=3,
        wrong=(
            ({"window_size": (4, 2, 2)}, r"window_size=\(4, 2, 2\); expected one number, or 2 of them"),
            ({"pretrained_window_sizes": (3,)}, r"pretrained_window_sizes=\(3,\); expected one a stage, 2 of them"),
        ),
    ),
}
