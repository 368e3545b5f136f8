"""Compares the network's number of classes with the data's (mmcls/core/hook/class_num_check_hook.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jaxcls.engine.hooks.hook import Hook
from jaxcls.errors import UserError


class ClassNumCheckHook(Hook):
    """Refuses a run whose network has not as many outputs as there are classes in its data, training and validation."""

    def before_run(self, runner: Any) -> None:
        for name, loader in runner.loaders.items():
            check_class_count(runner.network.num_classes, loader.batches.dataset.classes, f"data.{name}")


def check_class_count(num_classes: int, classes: Sequence[str], where: str) -> None:
    """Compares the network's outputs with the data's classes.

    Args:
        num_classes: the width of the logits, K.
        classes: the names of the data's.
        where: these are from, for the message.

    Raises:
        UserError: they are not as many.
    """
    if num_classes != len(classes):
        listed = ", ".join(classes[:3]) + (", …" if len(classes) > 3 else "")
        raise UserError(
            f"{where} has {len(classes)} classes ({listed}), but the head has {num_classes}; "
            f"set its num_classes to {len(classes)}"
        )
