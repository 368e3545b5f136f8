"""JSON that says where tensors are, no name twice."""

from __future__ import annotations

import json
from typing import Any

from jaxcls.errors import UserError


def read_json(content: bytes) -> Any:
    """What a text holds.

    Raises:
        UserError: it is not JSON, or an object in it has a name twice.
    """
    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=_once)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise UserError(f"its header is not JSON ({str(error)[:80]})") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise UserError(f"its header has {next(name for name in made if names.count(name) > 1)!r} twice")
    return made
