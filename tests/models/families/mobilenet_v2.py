from __future__ import annotations

from tests.models.families.family import Family

FAMILIES = {
    "MobileNetV2": Family(
        {"widen_factor": 0.1},
        1280,
        size=32,
        frozen={
            -1: (),
            0: ("conv1.",),
            2: ("conv1.", "layer1.", "layer2."),
            7: ("conv1.", "layer"),
        },
        checkpointed=17,
        wrong=(
            ({"widen_factor": 0}, "widen_factor=0; allowed: above 0"),
            ({"out_indices": (8,)}, r"out_indices=\(8,\); allowed: -8 to 7"),
            ({"frozen_stages": 8}, "frozen_stages=8; allowed: -1 to 7"),
        ),
        exact=False,  # batch statistics of so few values, 17 blocks deep, enlarge any rounding
    ),
}
