from __future__ import annotations

from tests.models.families.family import Family

_ONE_STAGE = {
    "depth": 50,
    "stem_channels": 8,
    "base_channels": 8,
    "num_stages": 1,
    "strides": (2,),
    "out_indices": (0,),
}

FAMILIES = {
    "ResNeSt": Family(
        _ONE_STAGE | {"groups": 2, "drop_path_rate": 0.2},
        32,
        frozen={-1: (), 0: ("stem.",), 1: ("stem.", "layer1.")},
        checkpointed=3,
        wrong=(
            ({"depth": 18}, "depth=18; allowed: 50, 101, 152, 200, 269"),
            ({"out_indices": (1,)}, r"out_indices=\(1,\); allowed: -1 to 0"),
            ({"frozen_stages": 2}, "frozen_stages=2; allowed: -1 to 1"),
        ),
        exact=False,
    ),
}
