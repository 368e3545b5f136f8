"""Tables of names, data only: a file a family, named as the backbone's, with one table a source in its `TABLES`."""

from __future__ import annotations

import importlib
import importlib.util

from flax import linen as nn

from jaxcls.convert.renaming import Table

_BACKBONES = "jaxcls.models.backbones."


def tables_of(classifier: nn.Module) -> tuple[Table, ...]:
    """The tables of a classifier's backbone, or of the one of ours that it extends; none where there is none."""
    for kind in type(getattr(classifier, "backbone", None)).__mro__:
        family = kind.__module__.removeprefix(_BACKBONES)
        name = f"{__name__}.{family}"
        if kind.__module__ != family and importlib.util.find_spec(name) is not None:
            return importlib.import_module(name).TABLES
    return ()
