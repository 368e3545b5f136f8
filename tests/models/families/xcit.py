from __future__ import annotations

from tests.models.families.family import Family

_STEM = ("patch_embed.", "pos_embed.")

FAMILIES = {
    "XCiT": Family(
        {
            "img_size": 16,
            "patch_size": 8,
            "embed_dims": 8,
            "depth": 2,
            "num_heads": 2,
            "drop_rate": 0.1,
            "drop_path_rate": 0.1,
            "tokens_norm": True,
        },
        8,
        neck=None,
        frozen={
            -1: (),
            1: _STEM,
            3: (*_STEM, "xca_layers.", "cls_token"),
            4: (*_STEM, "xca_layers.", "cls_token", "ca_layers.0.", "norm."),
            5: (*_STEM, "xca_layers.", "cls_token", "ca_layers."),
        },
        checkpointed=4,
        wrong=(
            ({"patch_size": 4}, "patch_size=4; allowed: 8, 16"),
            ({"img_size": 20}, "img_size=20; expected a multiple of patch_size=8"),
            ({"out_type": "token"}, "out_type='token'; allowed: raw"),
            ({"out_indices": (0, 3)}, r"out_indices=\(0, 3\): the class token is there from layer 2 on"),
            ({"out_indices": (4,)}, r"out_indices=\(4,\); allowed: -4 to 3"),
            ({"frozen_stages": 6}, "frozen_stages=6; allowed: -1 to 5"),
        ),
    ),
}
