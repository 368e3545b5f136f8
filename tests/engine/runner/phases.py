"""A recipe that stays in a phase of its run for a while: `--config=tests/engine/runner/phases.py:PHASE`."""

from __future__ import annotations

import functools
import sys
import threading
import time
from typing import Any

from ml_collections import ConfigDict

from jaxcls.engine.hooks import Hook
from tests.engine import tiny

SECONDS = 4.0


@functools.cache
def stay() -> None:
    """Says that the phase has come, and stays in it, once."""
    print("ready", file=sys.stderr, flush=True)
    time.sleep(SECONDS)


class Net(tiny.Tiny):
    """Stays where it is traced: to be initialised, or to be trained."""

    in_training: bool = False

    def __call__(self, x: Any, train: bool = False) -> Any:
        if train == self.in_training:
            stay()
        return super().__call__(x, train)


class Transform:
    """Stays where it is built, or where a loader calls it."""

    def __init__(self, called: bool) -> None:
        if not called:
            stay()

    def __call__(self, sample: Any, rng: Any) -> Any:
        if threading.current_thread() is not threading.main_thread():
            stay()
        return sample


class Phase(Hook):
    """Stays in a stage, or while a checkpoint is saved."""

    def __init__(self, stage: str) -> None:
        setattr(self, "before_run" if stage == "saving" else stage, self._slow_saving if stage == "saving" else _stay)

    @staticmethod
    def _slow_saving(runner: Any) -> None:
        save = runner.checkpoints.save
        runner.checkpoints.save = lambda *arguments: (stay(), save(*arguments))


def _stay(runner: Any) -> None:
    stay()


def get_config(phase: str) -> ConfigDict:
    net, transform = (f"{__name__}:{name}" for name in ("Net", "Transform"))
    config = tiny.config(runner={"max_epochs": 2})
    if phase in ("building", "compiling"):
        config["model"] = tiny.model(type=net, in_training=phase == "compiling")
    elif phase in ("data", "evaluation"):
        split = "train" if phase == "data" else "val"
        config["data"][split]["pipeline"] = (
            {"type": transform, "called": phase == "evaluation"},
            *config["data"][split]["pipeline"],
        )
    elif phase != "none":
        config["custom_hooks"] = ({"type": f"{__name__}:Phase", "stage": phase},)
    return ConfigDict(config)
