"""What a hook is: something that the runner calls at ten stages of a run (mmcv/runner/hooks/hook.py)."""

from __future__ import annotations

from typing import Any

from jaxcls.errors import UserError, close_names

STAGES = (
    "before_run",
    "before_train_epoch",
    "before_train_iter",
    "after_train_iter",
    "after_train_epoch",
    "before_val_epoch",
    "before_val_iter",
    "after_val_iter",
    "after_val_epoch",
    "after_run",
)

PRIORITIES = {
    "HIGHEST": 0,
    "VERY_HIGH": 10,
    "HIGH": 30,
    "ABOVE_NORMAL": 40,
    "NORMAL": 50,
    "BELOW_NORMAL": 60,
    "LOW": 70,
    "VERY_LOW": 90,
    "LOWEST": 100,
}


def priority_value(priority: int | str) -> int:
    """The number of a priority: 0 is called first, 100 last.

    Raises:
        UserError: an unknown name, or a number outside 0 to 100.
    """
    if isinstance(priority, int):
        if not 0 <= priority <= 100:
            raise UserError(f"priority: {priority}; allowed: 0 to 100")
        return priority
    if priority.upper() not in PRIORITIES:
        raise UserError(f"priority: {priority!r}; {close_names(priority.upper(), PRIORITIES)}")
    return PRIORITIES[priority.upper()]


def priority_name(value: int) -> str:
    """The name of a priority's number, or the number itself."""
    return {number: name for name, number in PRIORITIES.items()}.get(value, str(value))


class Hook:
    """Override the stages that matter; all get the runner. `priority` holds where the config gives none.

    `before_epoch`, `after_epoch`, `before_iter` and `after_iter` stand for the training and the validation stage of
    that kind, where these are not overridden themselves. A hook observes: it may read everything of the runner.
    """

    priority = PRIORITIES["NORMAL"]

    def check(self, runner: Any) -> None:
        """Raises UserError for what cannot be; called before anything is written. `runner.loaders` are there."""

    def before_run(self, runner: Any) -> None:
        """Before the first epoch."""

    def after_run(self, runner: Any) -> None:
        """After the last epoch."""

    def before_epoch(self, runner: Any) -> None:
        """Before an epoch of either kind."""

    def after_epoch(self, runner: Any) -> None:
        """After an epoch of either kind."""

    def before_iter(self, runner: Any) -> None:
        """Before an iteration of either kind."""

    def after_iter(self, runner: Any) -> None:
        """After an iteration of either kind."""

    def before_train_epoch(self, runner: Any) -> None:
        """Before an epoch of training."""
        self.before_epoch(runner)

    def before_val_epoch(self, runner: Any) -> None:
        """Before an epoch of validation."""
        self.before_epoch(runner)

    def after_train_epoch(self, runner: Any) -> None:
        """After an epoch of training, before the runner counts it."""
        self.after_epoch(runner)

    def after_val_epoch(self, runner: Any) -> None:
        """After an epoch of validation."""
        self.after_epoch(runner)

    def before_train_iter(self, runner: Any) -> None:
        """Before a training step; its batch is there."""
        self.before_iter(runner)

    def before_val_iter(self, runner: Any) -> None:
        """Before a validation step."""
        self.before_iter(runner)

    def after_train_iter(self, runner: Any) -> None:
        """After a training step, before the runner counts it; `runner.outputs` are still on the device."""
        self.after_iter(runner)

    def after_val_iter(self, runner: Any) -> None:
        """After a validation step."""
        self.after_iter(runner)

    def state(self) -> dict[str, Any]:
        """What a continued run needs of this hook: JSON, but for numbers that may still be on the device.

        It is saved with each checkpoint, as it is where the stage after an iteration or an epoch begins: a continuation
        calls the whole stage again.
        """
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Takes up what `state` gave, before `before_run`."""

    def stages(self) -> list[str]:
        """The stages at which this hook does something."""
        generic = {
            "before_epoch": ("before_train_epoch", "before_val_epoch"),
            "after_epoch": ("after_train_epoch", "after_val_epoch"),
            "before_iter": ("before_train_iter", "before_val_iter"),
            "after_iter": ("after_train_iter", "after_val_iter"),
        }
        acting = {stage for stage in STAGES if self._overrides(stage)}
        for name, stages in generic.items():
            if self._overrides(name):
                acting.update(stages)
        return [stage for stage in STAGES if stage in acting]

    def _overrides(self, method: str) -> bool:
        return getattr(type(self), method) is not getattr(Hook, method)


def first_due(interval: int, start: int | None = None) -> int:
    """After how many it is due for the first time, of an interval from 1."""
    return start or interval


def warn_if_never(hook: Hook, runner: Any, interval: int, last: int, unit: str) -> None:
    """Says at the start that a hook's interval is longer than the run."""
    if interval > last:
        name = type(hook).__name__
        runner.logger.warning("%s: interval=%d never comes in %d %s: it does nothing", name, interval, last, unit)


def check_unit(where: str, hook: Any, runner: Any) -> None:
    """Refuses a hook that counts epochs where the runner has none: its stage would never come."""
    if hook.by_epoch and not runner.by_epoch:
        raise UserError(f"{where}.by_epoch: True, but {type(runner).__name__} counts iterations; leave it out")


def every_n(count: int, interval: int) -> bool:
    """Whether the `count`-th, from 1, is due; an interval of 0 or less: never."""
    return interval > 0 and count % interval == 0
