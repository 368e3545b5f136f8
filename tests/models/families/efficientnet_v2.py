from __future__ import annotations

from tests.models.families.family import Family

_STEM = ("layers.0.",)

FAMILIES = {
    "EfficientNetV2": Family(
        {"arch": "b0", "drop_path_rate": 0.2},
        1280,
        size=32,
        frozen={0: (), 1: _STEM, 2: (*_STEM, "layers.1.")},
        checkpointed=20,
        wrong=(
            ({"arch": "b9"}, "arch='b9'; allowed: s, m, l, xl, b0"),
            ({"out_indices": (8,)}, r"out_indices=\(8,\); allowed: -8 to 7"),
            ({"frozen_stages": 9}, "frozen_stages=9; allowed: -1 to 8"),
        ),
        exact=False,
    ),
}
