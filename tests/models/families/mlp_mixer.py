from __future__ import annotations

from tests.models.families.family import GAP, Family

FAMILIES = {
    "MlpMixer": Family(
        {
            "arch": {"embed_dims": 16, "num_layers": 1, "tokens_mlp_dims": 8, "channels_mlp_dims": 16},
            "img_size": 16,
            "patch_size": 4,
            "drop_rate": 0.1,
            "drop_path_rate": 0.2,
        },
        16,
        neck={**GAP, "dim": 1},
        least=None,
        checkpointed=1,
        wrong=(({"out_indices": 1}, "out_indices=1; allowed: -1 to 0"),),
    ),
}
