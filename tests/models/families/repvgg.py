from __future__ import annotations

from tests.models.families.family import Family

_ARCH = {
    "num_blocks": (1, 2),
    "width_factor": (1.0, 1.0),
    "group_layer_map": {2: 2},
    "se_cfg": {"ratio": 4, "divisor": 1},
}

FAMILIES = {
    "RepVGG": Family(
        {
            "arch": _ARCH,
            "base_channels": 8,
            "strides": (1, 2),
            "dilations": (1, 1),
            "out_indices": (1,),
            "add_ppf": True,
        },
        16,
        frozen={-1: (), 0: ("stem.",), 1: ("stem.", "stage_1.")},
        checkpointed=4,
        wrong=(
            ({"arch": "B9"}, "arch='B9'; Allowed: A0"),
            ({"arch": {"num_blocks": (1,)}}, "a dict needs num_blocks, width_factor, group_layer_map, se_cfg"),
            ({"strides": (1,)}, r"strides=\(1,\); expected one a stage, 2 of them"),
            ({"out_indices": (2,)}, r"out_indices=\(2,\); allowed: -2 to 1"),
            ({"frozen_stages": 3}, "frozen_stages=3; allowed: -1 to 2"),
        ),
        exact=False,
    ),
}
