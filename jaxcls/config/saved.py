"""Configs as JSON, beside the checkpoints of the runs that they describe."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from jaxcls import user_code
from jaxcls.builder import as_json
from jaxcls.errors import UserError
from jaxcls.paths import expand


def save_config(config: Mapping[str, Any], path: Path) -> None:
    """Writes a plain config as JSON.

    Raises:
        UserError: it holds what cannot be saved.
    """
    partial = path.with_suffix(".tmp")
    partial.write_text(json.dumps(as_json(config), indent=2) + "\n")
    partial.replace(path)


def load_config(path: str | os.PathLike) -> ConfigDict:
    """Reads what `save_config` wrote; the modules of the user's own that it names can be imported from then on.

    Raises:
        UserError: there is no such file, or it is not JSON.
    """
    path = expand(path)
    try:
        config = ConfigDict(json.loads(path.read_text(encoding="utf-8-sig")), allow_dotted_keys=True)
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(
            f"{path} does not exist; expected the config that training saved beside its checkpoints"
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not JSON: {error}") from error
    for folder in config.get("import_from", ()):
        user_code.search(folder)
    return config
