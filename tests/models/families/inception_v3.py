from __future__ import annotations

from tests.models.families.family import Family

FAMILIES = {
    "InceptionV3": Family({"num_classes": 8}, None, neck=None, head="ClsHead", size=75, least=75, exact=False),
}
