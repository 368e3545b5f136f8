"""Compares the network's number of classes with the data's (mmcls/core/hook/class_num_check_hook.py)."""

from __future__ import annotations

from typing import Any

from jaxcls.engine.hooks.hook import Hook
from jaxcls.errors import UserError


class ClassNumCheckHook(Hook):
    """Refuses a run whose network has not as many outputs as there are classes in its data, training and validation."""

    def check(self, runner: Any) -> None:
        num_classes = runner.network.num_classes
        for name, loader in runner.loaders.items():
            classes = loader.batches.dataset.classes
            if num_classes != len(classes):
                listed = ", ".join(classes[:3]) + (", …" if len(classes) > 3 else "")
                raise UserError(
                    f"data.{name} has {len(classes)} classes ({listed}), but the head has {num_classes}; "
                    f"set its num_classes to {len(classes)}"
                )
