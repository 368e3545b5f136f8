"""ConvMixer: timm."""

from jaxcls.convert.renaming import Table

TABLES = (Table(("timm",), {"stem": "backbone.stem", "blocks": "backbone.stages", "head": "head.fc"}),)
