from __future__ import annotations

from tests.models.families.family import Family

FAMILIES = {
    "EfficientNet": Family(
        {"arch": "b0", "drop_path_rate": 0.2},
        1280,
        size=32,
        frozen={0: (), 1: ("layers.0.",), 3: ("layers.0.", "layers.1.", "layers.2.")},
        checkpointed=16,
        wrong=(
            ({"arch": "b9"}, "arch='b9'; allowed: b0"),
            ({"out_indices": (7,)}, r"out_indices=\(7,\); allowed: -7 to 6"),
            ({"frozen_stages": 8}, "frozen_stages=8; allowed: -1 to 7"),
        ),
        exact=False,
    ),
}
