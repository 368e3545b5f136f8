from __future__ import annotations

from tests.models.families.family import Family

FAMILIES = {
    "PoolFormer": Family(
        {"arch": {"layers": (1, 1), "embed_dims": (8, 16), "layer_scale_init_value": 1.0}, "drop_path_rate": 0.2},
        16,
        least=3,
        frozen={
            -1: (),
            0: ("patch_embed.",),
            1: ("patch_embed.", "network.0."),
            3: ("patch_embed.", "network.", "norm2."),
        },
        checkpointed=2,
        wrong=(
            ({"arch": "s13"}, "arch='s13'; did you mean"),
            ({"arch": {"layers": (1, 1)}}, "a dict needs layers, embed_dims"),
            ({"arch": {"layers": (1, 1), "embed_dims": (8,)}}, "as many layers as embed_dims"),
            ({"pool_size": 2}, "pool_size=2; expected an odd number"),
            ({"out_indices": 3}, "out_indices=3; allowed: -3 to 2"),
            ({"frozen_stages": 4}, "frozen_stages=4; allowed: -1 to 3"),
        ),
    ),
}
