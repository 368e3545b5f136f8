from __future__ import annotations

from tests.models.families.family import Family

FAMILIES = {
    "ConvMixer": Family(
        {"arch": {"embed_dims": 8, "depth": 2, "patch_size": 4, "kernel_size": 3}},
        8,
        least=4,
        frozen={0: (), 1: ("stages.0.",), 2: ("stages.",)},
        checkpointed=2,
        wrong=(
            ({"arch": "768/33"}, "arch='768/33'; did you mean '768/32'"),
            ({"arch": {"depth": 2}}, "a dict needs embed_dims, depth, patch_size, kernel_size"),
            ({"out_indices": 2}, "out_indices=2; allowed: -2 to 1"),
            ({"frozen_stages": 3}, "frozen_stages=3; allowed: -1 to 2"),
        ),
        exact=False,
    ),
}
