from __future__ import annotations

from tests.models.families.family import Family

_ARCH = [["mobilenetv2", 8, 1, 2, 2], ["mobilevit", 8, 2, 8, 8, 1, 2]]

FAMILIES = {
    "MobileViT": Family(
        {"arch": _ARCH, "stem_channels": 8, "last_exp_factor": 2, "out_indices": (1,)},
        16,
        size=14,
        frozen={-1: (), 0: (), 1: ("layers.0.",)},
        checkpointed=4,
        wrong=(
            ({"arch": "tiny"}, "arch='tiny'"),
            ({"arch": [["resnet", 8]]}, "a stage is a list, mobilenetv2 or mobilevit and its numbers"),
            ({"arch": [["mobilevit", 8]]}, "a stage is a list"),
            ({"out_indices": (2,)}, r"out_indices=\(2,\); allowed: -2 to 1"),
            ({"frozen_stages": 2}, "frozen_stages=2; allowed: -1 to 1"),
        ),
        exact=False,
    ),
}
