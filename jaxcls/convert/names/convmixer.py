"""ConvMixer: timm."""

from jaxcls.convert.built_with import norms
from jaxcls.convert.renaming import Table

TABLES = (
    Table(("timm",), {"stem": "backbone.stem", "blocks": "backbone.stages", "head": "head.fc"}, built=norms(1e-5)),
)
