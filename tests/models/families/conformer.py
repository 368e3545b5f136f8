from __future__ import annotations

from tests.models.families.family import Family

FAMILIES = {
    "Conformer": Family(
        {
            "arch": {"embed_dims": 8, "channel_ratio": 1, "num_heads": 2, "depths": 3},
            "base_channels": 8,
            "mlp_ratio": 2.0,
            "drop_path_rate": 0.2,
        },
        (32, 8),
        neck=None,
        head="ConformerHead",
        norm_eval=False,
        frozen={-1: (), 0: ()},
        checkpointed=2,
        wrong=(
            ({"out_indices": 1}, "out_indices=1; allowed: 2 to 3"),
            ({"frozen_stages": 1}, "frozen_stages=1; allowed: -1 to 0"),
            ({"patch_size": 8}, "patch_size=8; expected a multiple of 16"),
        ),
    ),
}
