from __future__ import annotations

from tests.models.families.family import Family

FAMILIES = {
    "RepMLPNet": Family(
        {
            "arch": {"channels": (8, 16), "depths": (1, 1), "sharesets_nums": (2, 4)},
            "img_size": 16,
            "out_indices": (1,),
            "reparam_conv_kernels": (1, 3),
        },
        16,
        least=None,
        checkpointed=2,
        wrong=(
            ({"arch": "huge"}, "arch='huge'"),
            ({"arch": {"channels": (8,), "depths": (1, 1), "sharesets_nums": (2, 4)}}, "as many channels as depths"),
            ({"out_indices": 2}, "out_indices=2; allowed: -2 to 1"),
        ),
        exact=False,
    ),
}
