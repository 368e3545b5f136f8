from __future__ import annotations

from tests.models.families.family import Family

FAMILIES = {
    "MViT": Family(
        {
            "arch": {"embed_dims": 4, "num_layers": 2, "num_heads": 1, "downscale_indices": (1,)},
            "img_size": 16,
            "out_scales": (0, 1),
            "use_abs_pos_embed": True,
            "adaptive_kv_stride": 2,
            "drop_path_rate": 0.2,
        },
        8,
        checkpointed=2,
        wrong=(
            ({"out_scales": 2}, "out_scales=2; allowed: -2 to 1"),
            ({"img_size": (16, 32)}, r"img_size=\(16, 32\): rel_pos_spatial=True needs square images"),
        ),
    ),
}
