from __future__ import annotations

from tests.models.families.family import Family

FAMILIES = {
    "DenseNet": Family(
        {"arch": {"growth_rate": 4, "depths": (2, 1), "init_channels": 8}, "drop_rate": 0.1},
        12,
        size=32,
        least=5,
        frozen={0: (), 1: ("stages.0.", "transitions.0."), 2: ("stages.", "transitions.")},
        checkpointed=3,
        checkpointing="memory_efficient",
        wrong=(
            ({"arch": "122"}, "arch='122'; did you mean '121'"),
            ({"out_indices": 2}, "out_indices=2; allowed: -2 to 1"),
            ({"frozen_stages": 3}, "frozen_stages=3; allowed: -1 to 2"),
        ),
        exact=False,
        cosine=0.97,
    ),
}
