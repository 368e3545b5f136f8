from __future__ import annotations

from tests.models.families.family import Family

_ARCH = {
    "num_blocks": (1, 1, 1, 1),
    "width_factor": (0.125, 0.125, 0.0625, 0.03125),
    "num_conv_branches": (2, 1, 1, 1),
    "num_se_blocks": (0, 0, 0, 1),
}

FAMILIES = {
    "MobileOne": Family(
        {"arch": _ARCH, "out_indices": (3,)},
        16,
        size=32,
        frozen={-1: (), 0: ("stage0.",), 1: ("stage0.", "stage1.")},
        checkpointed=9,
        wrong=(
            ({"arch": "s9"}, "arch='s9'; Allowed: s0"),
            ({"arch": {"num_blocks": (1,)}}, "a dict needs num_blocks, width_factor, num_conv_branches, num_se_blocks"),
            ({"arch": {**_ARCH, "num_blocks": (1, 1)}}, "expected num_blocks of each of the four stages"),
            ({"arch": {**_ARCH, "num_se_blocks": (0, 0, 0, 2)}}, "no more of them than num_blocks"),
            ({"out_indices": (4,)}, r"out_indices=\(4,\); allowed: -4 to 3"),
            ({"frozen_stages": 5}, "frozen_stages=5; allowed: -1 to 4"),
        ),
        exact=False,
    ),
}
