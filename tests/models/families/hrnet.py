from __future__ import annotations

from tests.models.families.family import GAP, Family

_STAGES = {
    f"stage{branches}": {
        "num_modules": 1,
        "num_branches": branches,
        "block": "BASIC" if branches > 1 else "BOTTLENECK",
        "num_blocks": (1,) * branches,
        "num_channels": tuple(4 * 2**i for i in range(branches)),
    }
    for branches in range(1, 5)
}

FAMILIES = {
    "HRNet": Family(
        {"extra": _STAGES},
        32,
        neck=[{"type": "HRFuseScales", "in_channels": (4, 8, 16, 32), "out_channels": 32}, GAP],
        size=32,
        least=None,
        checkpointed=9,
        exact=False,
        rounding=0.2,  # its neck has batch statistics of eight values
        cosine=0.88,
        wrong=(
            ({"arch": "w19", "extra": None}, "arch='w19'; allowed: w18, w30"),
            ({"extra": {"stage1": _STAGES["stage1"]}}, "extra: stage2, stage3, stage4 missing"),
            (
                {"extra": {**_STAGES, "stage2": {"block": "BASIC"}}},
                "extra: stage2: .* expected a dict with num_modules",
            ),
            (
                {"extra": {**_STAGES, "stage2": {**_STAGES["stage2"], "num_branches": 3}}},
                "stage2: expected 3 num_blocks",
            ),
            ({"extra": {**_STAGES, "stage2": {**_STAGES["stage2"], "block": "X"}}}, "block='X'; allowed: BASIC"),
        ),
    ),
}
