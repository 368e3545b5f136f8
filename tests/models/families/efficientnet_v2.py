from __future__ import annotations

from jaxcls.models.backbones import efficientnet_v2
from tests.models.families.family import Family

efficientnet_v2._ARCHITECTURES["tiny"] = efficientnet_v2._architecture(
    8, 64, (8, 1), (16, 2), (16, 1), (16, 1), (24, 1), (32, 2)
)

_STEM = ("layers.0.",)

FAMILIES = {
    "EfficientNetV2": Family(
        {"arch": "tiny", "drop_path_rate": 0.2},
        64,
        size=32,
        frozen={0: (), 1: _STEM, 2: (*_STEM, "layers.1.")},
        checkpointed=7,
        wrong=(
            ({"arch": "b9"}, "arch='b9'; allowed: s, m, l, xl, b0"),
            ({"out_indices": (8,)}, r"out_indices=\(8,\); allowed: -8 to 7"),
            ({"frozen_stages": 9}, "frozen_stages=9; allowed: -1 to 8"),
        ),
        exact=False,
    ),
}
