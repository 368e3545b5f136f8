"""The keys that a config must have, and what holds where it is silent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from jaxcls import user_code
from jaxcls.builder import as_json, plain
from jaxcls.errors import UserError, refuse

REQUIRED = ("model", "data", "optimizer", "runner")
DEFAULTS: dict[str, Any] = {
    "data": {
        "num_workers": 2,
        "worker_type": "thread",
        "sampler": {"type": "RandomSampler"},
        "drop_last": False,
        "on_device": False,
    },
    "optimizer_config": {},
    "lr_config": {"policy": "fixed"},
    "momentum_config": None,
    "ema": None,
    "precision": "float32",
    "evaluation": {},
    "checkpoint_config": {"interval": 1},
    "log_config": {"interval": 100, "hooks": [{"type": "TextLoggerHook"}]},
    "custom_hooks": [],
    "workflow": [("train", 1)],
    "parallel": "pmap",
    "seed": 0,
    "load_from": None,
    "resume_from": None,
    "work_dir": None,
    "import_from": [],
    "compilation_cache": True,
}


def complete(config: ConfigDict | Mapping[str, Any]) -> dict[str, Any]:
    """The config as plain dicts and tuples, checked, defaults filled in.

    A key whose value is None is one that is not given. `import_from` gets the folders in which modules of the user's
    own were found.

    Raises:
        UserError: all problems at once: unknown keys, names and arguments, missing ones, values of a wrong type; or
            something that cannot be saved.
    """
    from jaxcls.config.schema import problems_of  # loads all that a config may name

    full = with_defaults(config)
    for folder in full["import_from"] if isinstance(full["import_from"], tuple) else ():
        user_code.search(folder)
    refuse(problems_of(full, REQUIRED))
    saved = as_json(full)  # now, rather than when it is saved
    full["import_from"] = tuple(dict.fromkeys((*full["import_from"], *user_code.used_folders(saved))))
    return full


def with_defaults(config: ConfigDict | Mapping[str, Any]) -> dict[str, Any]:
    """The config as plain dicts and tuples, defaults filled in, unchecked.

    Raises:
        UserError: it is no dict.
    """
    given = plain(config)
    if not isinstance(given, dict):
        raise UserError(f"config: expected a dict, got {config!r}")
    full = plain(DEFAULTS)
    for key, value in given.items():
        both_dicts = isinstance(value, dict) and isinstance(full.get(key), dict)
        if key == "data" and both_dicts:
            value = {part: node for part, node in value.items() if node is not None}
        if value is not None or key not in DEFAULTS:
            full[key] = {**full[key], **value} if both_dicts else value
    return full
