from __future__ import annotations

from tests.models.families.family import Family

FAMILIES = {
    "ConvNeXt": Family(
        {"arch": {"depths": (1, 2), "channels": (8, 16)}, "drop_path_rate": 0.2, "use_grn": True},
        16,
        neck=None,
        least=8,
        frozen={0: (), 1: ("downsample_layers.0.", "stages.0."), 2: ("downsample_layers.", "stages.")},
        checkpointed=3,
        wrong=(
            ({"arch": "tini"}, "arch='tini'; did you mean 'tiny'"),
            ({"arch": {"depths": (1,)}}, "a dict needs depths, channels"),
            ({"arch": {"depths": (1,), "channels": (8, 16)}}, "one of each a stage"),
            ({"arch": 3}, "arch: 3; expected text or a dict"),
            ({"out_indices": (4,)}, r"out_indices=\(4,\); allowed: -2 to 1"),
            ({"frozen_stages": 5}, "frozen_stages=5; allowed: -1 to 2"),
        ),
    ),
}
