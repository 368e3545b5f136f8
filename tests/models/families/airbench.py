from __future__ import annotations

from tests.models.families.family import Family

FAMILIES = {
    "Airbench": Family({"widths": (8, 8, 16)}, 16, size=32, least=25),
}
