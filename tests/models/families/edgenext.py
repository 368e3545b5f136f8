from __future__ import annotations

from tests.models.families.family import Family

FAMILIES = {
    "EdgeNeXt": Family(
        {
            "arch": {"channels": (8, 16), "depths": (1, 2), "num_heads": (2, 2)},
            "global_blocks": (0, 1),
            "use_pos_embd_csa": (False, True),
            "use_pos_embd_global": True,
            "drop_path_rate": 0.2,
        },
        16,
        neck=None,
        least=8,
        frozen={
            -1: (),
            0: (),
            1: ("downsample_layers.0.", "stages.0."),
            2: ("downsample_layers.", "stages."),
        },
        checkpointed=3,
        wrong=(
            ({"arch": "nano"}, "arch='nano'"),
            ({"global_block_type": ("CSA",)}, r"global_block_type=\('CSA',\); allowed: None, SDTA"),
            ({"global_blocks": (1,)}, r"global_blocks=\(1,\); expected one a stage, 2 of them"),
            ({"out_indices": (4,)}, r"out_indices=\(4,\); allowed: -2 to 1"),
            ({"frozen_stages": 3}, "frozen_stages=3; allowed: -1 to 2"),
        ),
    ),
}
