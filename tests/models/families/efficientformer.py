from __future__ import annotations

from tests.models.families.family import Family

_ARCH = {"layers": (1, 1, 1, 2), "embed_dims": (4, 4, 4, 8), "downsamples": (False, False, False, True), "vit_num": 1}

FAMILIES = {
    "EfficientFormer": Family(
        {"arch": _ARCH, "drop_rate": 0.1, "drop_path_rate": 0.2},
        8,
        neck={"type": "GlobalAveragePooling", "dim": 1},
        size=56,
        least=None,
        frozen={
            -1: (),
            0: ("patch_embed.",),
            1: ("patch_embed.", "network.0."),
            4: ("patch_embed.", "network.", "norm3."),
        },
        checkpointed=5,
        wrong=(
            ({"frozen_stages": 5}, "frozen_stages=5; allowed: -1 to 4"),
            ({"arch": {**_ARCH, "vit_num": 3}}, "arch: vit_num=3; allowed: 0 to 2"),
            ({"arch": {**_ARCH, "vit_num": 0}}, "arch: vit_num=0 needs reshape_last_feat=True"),
            ({"arch": {**_ARCH, "layers": (1, 2)}}, "arch: layers, embed_dims and downsamples need one value a stage"),
        ),
    ),
}
