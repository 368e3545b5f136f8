from __future__ import annotations

from tests.models.families.family import Family

FAMILIES = {
    "VGG": Family(
        {"depth": 11, "num_stages": 2, "dilations": (1, 1), "norm_cfg": {"type": "BN"}},
        128,
        least=4,
        frozen={0: (), 1: ("features.0.",), 2: ("features.",)},
        wrong=(
            ({"depth": 12}, "depth=12; allowed: 11, 13, 16, 19"),
            ({"num_stages": 6}, "num_stages=6; allowed: 1 to 5"),
            ({"dilations": (1,)}, r"dilations=\(1,\); expected one a stage, 2 of them"),
            ({"frozen_stages": 3}, "frozen_stages=3; allowed: -1 to 2"),
        ),
        exact=False,
    ),
}
