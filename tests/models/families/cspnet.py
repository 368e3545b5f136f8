from __future__ import annotations

from jaxcls.models.backbones import cspnet
from jaxcls.models.backbones.cspnet import Stage
from tests.models.families.family import Family

cspnet.CSPDarkNet.variants[5] = (Stage(8, 1, 2, 2), *(Stage(8 * 2**i, 1, 1, 1) for i in range(1, 5)))
cspnet.CSPResNet.variants[5] = (Stage(16, 1, 4, 2, False), *(Stage(16 * 2**i, 1, 4, 2) for i in range(1, 4)))
cspnet.CSPResNeXt.variants[5] = (Stage(64, 1, 4, 4, False), *(Stage(64 * 2**i, 1, 2, 4) for i in range(1, 4)))

_FROZEN = {-1: (), 0: ("stem.", "stages.0."), 1: ("stem.", "stages.0.", "stages.1.")}
_WRONG = (
    ({"depth": 54}, "depth=54; allowed: 5"),
    ({"out_indices": 5}, "out_indices=5; allowed: "),
    ({"frozen_stages": 5}, "frozen_stages=5; allowed: -1 to "),
)

FAMILIES = {
    "CSPDarkNet": Family(
        {"depth": 5}, 128, checkpointed=5, size=32, frozen=_FROZEN, wrong=_WRONG, exact=False, cosine=0.97
    ),
    "CSPResNet": Family({"depth": 5}, 128, checkpointed=4, size=32, frozen=_FROZEN, wrong=_WRONG, exact=False),
    "CSPResNeXt": Family({"depth": 5}, 512, checkpointed=4, size=32, frozen=_FROZEN, wrong=_WRONG, exact=False),
}
