from __future__ import annotations

from jaxcls.models.backbones import efficientnet
from tests.models.families.family import Family

efficientnet._ARCHITECTURES["tiny"] = (0.25, 0.25)  # one block of each kind

FAMILIES = {
    "EfficientNet": Family(
        {"arch": "tiny", "drop_path_rate": 0.2},
        320,
        size=32,
        frozen={0: (), 1: ("layers.0.",), 3: ("layers.0.", "layers.1.", "layers.2.")},
        checkpointed=7,
        wrong=(
            ({"arch": "b9"}, "arch='b9'; allowed: b0"),
            ({"out_indices": (7,)}, r"out_indices=\(7,\); allowed: -7 to 6"),
            ({"frozen_stages": 8}, "frozen_stages=8; allowed: -1 to 7"),
        ),
        exact=False,
    ),
}
