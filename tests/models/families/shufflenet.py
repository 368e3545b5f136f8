from __future__ import annotations

from tests.models.families.family import Family

FAMILIES = {
    "ShuffleNetV1": Family(
        {"groups": 2, "widen_factor": 0.1},
        80,
        size=32,
        frozen={-1: (), 0: ("conv1.",), 1: ("conv1.", "layers.0."), 3: ("conv1.", "layers.")},
        checkpointed=16,
        wrong=(
            ({"groups": 5}, "groups=5; allowed: 1, 2, 3, 4, 8"),
            ({"out_indices": (3,)}, r"out_indices=\(3,\); allowed: -3 to 2"),
            ({"frozen_stages": 4}, "frozen_stages=4; allowed: -1 to 3"),
        ),
        exact=False,
    ),
    "ShuffleNetV2": Family(
        {"widen_factor": 0.5},
        1024,
        size=32,
        frozen={-1: (), 0: ("conv1.",), 1: ("conv1.", "layers.0.")},
        checkpointed=16,
        wrong=(
            ({"widen_factor": 0.7}, "widen_factor=0.7; allowed: 0.5, 1.0, 1.5, 2.0"),
            ({"out_indices": (4,)}, r"out_indices=\(4,\); allowed: -4 to 3"),
            ({"frozen_stages": 4}, "frozen_stages=4; allowed: -1 to 3"),
        ),
        exact=False,
    ),
}
