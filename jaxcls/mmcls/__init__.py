"""MMClassification 0.x's config files -> ours."""

from __future__ import annotations

import os
from typing import Any

from ml_collections import ConfigDict

from jaxcls.config.keys import REQUIRED, with_defaults
from jaxcls.errors import UserError, refuse
from jaxcls.mmcls.keys import translate
from jaxcls.mmcls.language import read_file

__all__ = ["load_mmcls_config", "translated"]


def load_mmcls_config(path: str | os.PathLike) -> ConfigDict:
    """Our config for a config file of MMClassification 0.x (docs/mmclassification.md).

    The log says how the batch comes about, and what of the file has no effect here.

    Args:
        path: the file, .py, .json or .yml, with the files that it inherits from beside it.

    Raises:
        UserError: a file is missing or fails; or all that has no place here, in one message with the close names.
    """
    return ConfigDict(translated(path), allow_dotted_keys=True)


def translated(path: str | os.PathLike) -> dict[str, Any]:
    """As `load_mmcls_config`, but plain dicts and lists, in the file's order."""
    from jaxcls.config.schema import problems_of  # loads all that a config may name

    file = read_file(os.fspath(path))
    translation = translate(file)
    translation.log(file.path.name)
    problems = [*translation.problems, *problems_of(with_defaults(translation.config), REQUIRED)]
    try:
        refuse(problems)
    except UserError as error:
        raise UserError(f"{file.path}: {error}", error.problems) from None
    return translation.config
