from __future__ import annotations

from tests.models.families.family import Family

FAMILIES = {"AlexNet": Family({}, 256, size=64, least=63)}
