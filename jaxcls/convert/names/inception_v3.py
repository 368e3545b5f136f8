"""Inception V3: torchvision and timm, whose names are the original's; a model may lack their second classifier."""

from jaxcls.convert.renaming import Table

TABLES = (Table(("torchvision", "timm"), {"AuxLogits": None, "": "backbone"}),)
