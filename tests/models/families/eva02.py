from __future__ import annotations

from tests.models.families.family import Family

_STEM = ("patch_embed.", "cls_token", "pos_embed")

FAMILIES = {
    "ViTEVA02": Family(
        {
            "arch": {"embed_dims": 16, "num_layers": 2, "num_heads": 2, "feedforward_channels": 16},
            "img_size": 16,
            "patch_size": 4,
            "sub_ln": True,
            "drop_rate": 0.1,
            "proj_drop_rate": 0.1,
            "drop_path_rate": 0.2,
        },
        16,
        neck=None,
        frozen={-1: (), 0: (), 1: _STEM, 2: (*_STEM, "ln1.")},
        checkpointed=2,
        wrong=(
            ({"arch": "giant"}, "arch='giant'"),
            ({"out_indices": (2,)}, r"out_indices=\(2,\); allowed: -2 to 1"),
        ),
    ),
}
