from __future__ import annotations

from tests.models.families.family import Family

FAMILIES = {
    "T2T_ViT": Family(
        {
            "img_size": 32,
            "embed_dims": 12,
            "num_layers": 2,
            "t2t_cfg": {"token_dims": 4},
            "layer_cfgs": {"num_heads": 2},
            "drop_rate": 0.1,
            "drop_path_rate": 0.2,
        },
        12,
        neck=None,
        head="VisionTransformerClsHead",
        size=32,
        least=3,
        checkpointed=2,
        wrong=(
            ({"with_cls_token": False}, "output_cls_token=True needs with_cls_token=True"),
            ({"t2t_cfg": {"use_performer": True}}, "use_performer=True: Performer attention is not there"),
            ({"out_indices": (2,)}, r"out_indices=\(2,\); allowed: -2 to 1"),
        ),
    ),
}
