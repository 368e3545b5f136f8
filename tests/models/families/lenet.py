from __future__ import annotations

from tests.models.families.family import Family

FAMILIES = {
    "LeNet5": Family({"num_classes": 8}, None, neck=None, head="ClsHead", size=32, least=32),
}
