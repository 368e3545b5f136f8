"""Trainings that a tool runs for what comes of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxcls.api import train_model
from jaxcls.engine import compilation, log
from jaxcls.engine.runner import Runner


def train_quietly(config: Mapping[str, Any], workdir: Path, **options: bool) -> Runner:
    """`jaxcls.train_model`, with its arguments and errors, for a run among several.

    Of its log the terminal gets warnings alone, and nothing that it compiled stays.
    """
    try:
        with log.quiet():
            return train_model(config, workdir, **options)
    finally:
        compilation.forget()
