from __future__ import annotations

from tests.models.families.family import Family

FAMILIES = {
    "MobileNetV3": Family(
        {"arch": "small"},
        576,
        size=32,
        frozen={-1: (), 0: ("layer0.",), 2: ("layer0.", "layer1.", "layer2.")},
        checkpointed=11,
        wrong=(
            ({"arch": "tiny"}, "arch='tiny'; allowed: small, large"),
            ({"out_indices": (13,)}, r"out_indices=\(13,\); allowed: -13 to 12"),
            ({"frozen_stages": 13}, "frozen_stages=13; allowed: -1 to 12"),
        ),
        exact=False,
    ),
}
