from __future__ import annotations

from tests.models.families.family import Family

_FROZEN = {-1: (), 0: ("stem.", "stages.0."), 1: ("stem.", "stages.0.", "stages.1.")}
_WRONG = (
    ({"depth": 54}, "depth=54; allowed: 5"),
    ({"out_indices": 5}, "out_indices=5; allowed: "),
    ({"frozen_stages": 5}, "frozen_stages=5; allowed: -1 to "),
)

FAMILIES = {
    "CSPDarkNet": Family({"depth": 53}, 1024, size=32, frozen=_FROZEN, wrong=_WRONG, exact=False),
    "CSPResNet": Family({"depth": 50}, 1024, size=32, frozen=_FROZEN, wrong=_WRONG, exact=False),
    "CSPResNeXt": Family({"depth": 50}, 2048, size=32, frozen=_FROZEN, wrong=_WRONG, exact=False),
}
