from __future__ import annotations

from tests.models.families.family import Family

FAMILIES = {
    "VisionTransformer": Family(
        {
            "arch": {"embed_dims": 16, "num_layers": 2, "num_heads": 2, "feedforward_channels": 16},
            "img_size": 16,
            "patch_size": 4,
            "drop_rate": 0.1,
            "drop_path_rate": 0.2,
        },
        16,
        neck=None,
        head="VisionTransformerClsHead",
        frozen={
            -1: (),
            0: (),
            1: ("patch_embed.", "cls_token", "pos_embed", "layers.0."),
            2: ("patch_embed.", "cls_token", "pos_embed", "layers.", "ln1."),
        },
        checkpointed=2,
        wrong=(
            ({"output_cls_token": True, "with_cls_token": False}, "needs with_cls_token=True"),
            ({"out_type": "cls_token", "with_cls_token": False}, "needs with_cls_token=True"),
            ({"out_type": "cls"}, "out_type='cls'; allowed: cls_token, featmap"),
            ({"out_indices": (2,)}, r"out_indices=\(2,\); allowed: -2 to 1"),
            ({"frozen_stages": 3}, "frozen_stages=3; allowed: -1 to 2"),
        ),
    ),
    "DistilledVisionTransformer": Family(
        {
            "arch": {"embed_dims": 16, "num_layers": 2, "num_heads": 2, "feedforward_channels": 16},
            "img_size": 16,
            "patch_size": 4,
            "drop_rate": 0.1,
            "drop_path_rate": 0.2,
        },
        16,
        neck=None,
        head="DeiTClsHead",
        frozen={1: ("patch_embed.", "cls_token", "dist_token", "pos_embed", "layers.0.")},
        checkpointed=2,
        wrong=(({"with_cls_token": False}, "output_cls_token=True needs with_cls_token=True"),),
    ),
    "DeiT3": Family(
        {
            "arch": {"embed_dims": 16, "num_layers": 2, "num_heads": 2, "feedforward_channels": 16},
            "img_size": 16,
            "patch_size": 4,
            "drop_rate": 0.1,
            "drop_path_rate": 0.2,
        },
        16,
        neck=None,
        head="VisionTransformerClsHead",
        frozen={1: ("patch_embed.", "cls_token", "pos_embed", "layers.0.")},
        checkpointed=2,
        wrong=(
            ({"arch": "t"}, "arch='t'"),
            ({"with_cls_token": False}, "needs with_cls_token=True"),
        ),
        unused=(".ln2.scale", ".ln2.bias"),
    ),
    "BEiTViT": Family(
        {
            "arch": {"embed_dims": 16, "num_layers": 2, "num_heads": 2, "feedforward_channels": 16},
            "img_size": 16,
            "patch_size": 4,
            "drop_rate": 0.1,
            "drop_path_rate": 0.2,
        },
        16,
        neck=None,
        least=None,
        float32=("['attn']['__call__'][0]",),  # the table, whose scope is the attention's
        frozen={
            1: ("patch_embed.", "cls_token", "layers.0."),
            2: ("patch_embed.", "cls_token", "layers.", "ln2."),
        },
        checkpointed=2,
        wrong=(
            ({"use_shared_rel_pos_bias": True}, "use_rel_pos_bias and use_shared_rel_pos_bias exclude each other"),
            ({"with_cls_token": False}, "biases for relative positions need the class token"),
            ({"bias": "q"}, "bias='q'; allowed: True, False, qv_bias"),
            ({"arch": "x"}, "arch='x'"),
        ),
    ),
}
