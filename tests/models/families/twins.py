from __future__ import annotations

from tests.models.families.family import Family

_ARCH = {
    "embed_dims": (8, 16),
    "depths": (2, 2),
    "num_heads": (1, 2),
    "patch_sizes": (2, 2),
    "strides": (2, 2),
    "mlp_ratios": (2, 2),
    "sr_ratios": (2, 1),
}
_ARGUMENTS = {
    "out_indices": (1,),
    "qkv_bias": True,
    "norm_after_stage": (True, True),
    "drop_rate": 0.1,
    "drop_path_rate": 0.2,
}
_WRONG = (
    ({"out_indices": (2,)}, r"out_indices=\(2,\); allowed: -2 to 1"),
    ({"norm_after_stage": (True,)}, r"norm_after_stage=\(True,\); expected 2 of them"),
    ({"arch": {**_ARCH, "depths": (2,), "window_sizes": (2, 2)}}, "arch: settings of one length expected"),
)

FAMILIES = {
    "PCPVT": Family({"arch": _ARCH, **_ARGUMENTS}, 16, least=3, checkpointed=4, wrong=_WRONG),
    "SVT": Family({"arch": {**_ARCH, "window_sizes": (3, 2)}, **_ARGUMENTS}, 16, least=3, checkpointed=4, wrong=_WRONG),
}
