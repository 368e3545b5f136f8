"""AlexNet: torchvision, whose names are the original's."""

from jaxcls.convert.renaming import Table

TABLES = (Table(("torchvision",), {"": "backbone"}),)
