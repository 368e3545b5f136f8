"""What a config may hold, what it must, and the defaults."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from jaxcls.builder import plain
from jaxcls.errors import UserError, close_names
from jaxcls.paths import expand

REQUIRED = ("model", "data", "optimizer", "runner")
DEFAULTS: dict[str, Any] = {
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
}
DATA = ("batch_size", "num_workers", "worker_type", "order", "train", "val", "test")


def _check_keys(config: Mapping[str, Any], allowed: tuple[str, ...], where: str) -> None:
    for key in config:
        if key not in allowed:
            raise UserError(f"{where} has no key {key!r}; {close_names(str(key), allowed)}")


def complete(config: ConfigDict | Mapping[str, Any]) -> dict[str, Any]:
    """The config as plain dicts and tuples, defaults filled in.

    Raises:
        UserError: an unknown key, or a required one that is missing.
    """
    given = plain(config)
    _check_keys(given, (*REQUIRED, *DEFAULTS), "config")
    missing = [key for key in REQUIRED if given.get(key) is None]
    if missing:
        raise UserError(f"config lacks {', '.join(missing)}; required are {', '.join(REQUIRED)}")
    given = {key: value for key, value in given.items() if value is not None or DEFAULTS.get(key, "") is None}
    full = {**plain(DEFAULTS), **given}
    _check_keys(full["data"], DATA, "config.data")
    for key in ("batch_size", "train"):
        if key not in full["data"]:
            raise UserError(f"config.data lacks {key!r}; it has {', '.join(full['data'])}")
    full["data"] = {"num_workers": 2, "worker_type": "thread", "order": {"type": "Shuffled"}, **full["data"]}
    return full


def save_config(config: Mapping[str, Any], path: Path) -> None:
    """Writes a config as JSON."""
    path.write_text(json.dumps(plain(config), indent=2, default=str) + "\n")


def load_config(path: str | Path) -> ConfigDict:
    """Reads what `save_config` wrote.

    Raises:
        UserError: there is no such file, or it is not JSON.
    """
    path = expand(path)
    try:
        return ConfigDict(json.loads(path.read_text()))
    except FileNotFoundError:
        raise UserError(
            f"{path} does not exist; expected the config that training saved beside its checkpoints"
        ) from None
    except json.JSONDecodeError as error:
        raise UserError(f"{path} is not JSON: {error}") from error


def get_config(path: str) -> ConfigDict:
    """A saved config for ml_collections' `--config=…/config.py:PATH`."""
    return load_config(path)
