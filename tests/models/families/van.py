from __future__ import annotations

from tests.models.families.family import Family

_ARCH = {"embed_dims": (8, 16), "depths": (1, 1), "ffn_ratios": (2, 2)}

FAMILIES = {
    "VAN": Family(
        {"arch": _ARCH, "out_indices": (1,), "drop_path_rate": 0.2},
        16,
        frozen={-1: (), 0: ("patch_embed1.", "blocks1.", "norm1."), 1: ("patch_embed", "blocks", "norm")},
        checkpointed=2,
        wrong=(
            ({"arch": "b7"}, "arch='b7'; did you mean"),
            ({"arch": {"depths": (1,)}}, "a dict needs embed_dims, depths, ffn_ratios"),
            ({"arch": {**_ARCH, "depths": (1,)}}, "as many embed_dims as depths"),
            ({"patch_sizes": (7,)}, r"patch_sizes=\(7,\); expected one a stage, 2 of them"),
            ({"out_indices": 2}, "out_indices=2; allowed: -2 to 1"),
            ({"frozen_stages": 2}, "frozen_stages=2; allowed: -1 to 1"),
        ),
        exact=False,
    ),
}
