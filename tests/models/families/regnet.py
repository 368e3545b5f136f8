from __future__ import annotations

from tests.models.families.family import Family

_ARCH = {"w0": 8, "wa": 8.0, "wm": 2.0, "group_w": 4, "depth": 3, "bot_mul": 1.0, "se_ratio": 0.25}

FAMILIES = {
    "RegNet": Family(
        {"arch": _ARCH, "strides": (2, 2, 2), "dilations": (1, 1, 1), "out_indices": (2,)},
        32,
        frozen={-1: (), 0: ("conv1.", "bn1."), 1: ("conv1.", "bn1.", "layer1.")},
        checkpointed=3,
        wrong=(
            ({"arch": "regnetx_1gf"}, "arch='regnetx_1gf'; did you mean"),
            ({"deep_stem": True}, "RegNet has no deep stem"),
            ({"strides": (2,)}, r"strides=\(2,\); expected one a stage, 3 of them"),
            ({"out_indices": (3,)}, r"out_indices=\(3,\); allowed: -3 to 2"),
            ({"frozen_stages": 4}, "frozen_stages=4; allowed: -1 to 3"),
        ),
        exact=False,
    ),
}
