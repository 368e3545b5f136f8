"""Compares the network's number of classes with the data's (mmcls/core/hook/class_num_check_hook.py)."""

from __future__ import annotations

from typing import Any

from jaxcls.engine.hooks.hook import Hook


class ClassNumCheckHook(Hook):
    """Refuses a run whose network has not as many outputs as there are classes in its training data.

    A run of a config is checked by itself; this is for a runner of one's own.
    """

    def check(self, runner: Any) -> None:
        runner.network.check_classes(runner.loaders["train"].batches.dataset.classes, "data.train")
