"""Trainings that a tool runs for what comes of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxcls.api import train_model
from jaxcls.engine import compilation, log
from jaxcls.engine.runner import Runner


def trained(config: Mapping[str, Any], workdir: Path, **options: bool) -> Runner:
    """`jaxcls.train_model`, of whose log the terminal gets warnings alone, and which leaves nothing compiled."""
    try:
        with log.quiet():
            return train_model(config, workdir, **options)
    finally:
        compilation.forget()
