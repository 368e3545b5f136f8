"""What lies beside the package in a checkout, and in it in a wheel: `configs/`, `train.py`, `evaluate.py`."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped(name: str) -> Path:
    """The path of one of them."""
    installed = _PACKAGE / name  # setup.py puts it there
    return installed if installed.exists() else _PACKAGE.parent / name


def recipes() -> dict[str, Path]:
    """The recipes that `--config` takes by their names, sorted: name -> file."""
    return {file.stem: file for file in sorted(shipped("configs").glob("*.py"))}
