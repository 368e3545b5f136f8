from __future__ import annotations

from tests.models.families.family import Family

_ARCH = {
    "base_dim": 8,
    "depths": (1, 1),
    "orders": (2, 3),
    "dw_cfg": ({"type": "DW", "kernel_size": 3}, {"type": "GF", "h": 4, "w": 3}),
}

FAMILIES = {
    "HorNet": Family(
        {"arch": _ARCH, "out_indices": (1,), "drop_path_rate": 0.2},
        16,
        neck=None,
        least=8,
        frozen={
            -1: (),
            0: ("downsample_layers.0.", "stages.0."),
            1: ("downsample_layers.", "stages.", "norm1."),
        },
        checkpointed=2,
        wrong=(
            ({"arch": "tiny-fg"}, "arch='tiny-fg'; did you mean 'tiny-gf'"),
            ({"arch": {"depths": (1,)}}, "a dict needs base_dim, depths, orders, dw_cfg"),
            ({"arch": {**_ARCH, "orders": (2,)}}, "as many depths as orders"),
            ({"arch": {**_ARCH, "dw_cfg": ({"type": "DX"},) * 2}}, "dw_cfg: type='DX'; allowed: DW, GF"),
            ({"arch": {**_ARCH, "dw_cfg": ({"type": "GF", "x": 1},) * 2}}, "dw_cfg: .*'x'"),
            ({"out_indices": 2}, "out_indices=2; allowed: -2 to 1"),
            ({"frozen_stages": 2}, "frozen_stages=2; allowed: -1 to 1"),
        ),
    ),
}
