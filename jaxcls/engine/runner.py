"""The epoch runner: calls the step and, at ten stages, the hooks (mmcv/runner/epoch_based_runner.py)."""

from __future__ import annotations

import bisect
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from getpass import getuser
from pathlib import Path
from typing import Any

import jax

from jaxcls.builder import build
from jaxcls.engine import hooks as hook_package
from jaxcls.engine.checkpoint import Checkpoints
from jaxcls.engine.hooks.hook import STAGES, Hook, priority_name, priority_value
from jaxcls.engine.log import get_logger
from jaxcls.engine.log_buffer import LogBuffer
from jaxcls.errors import UserError

__all__ = ["EpochBasedRunner"]

Step = Callable[..., tuple[Any, dict[str, Any]]]


class EpochBasedRunner:
    """Runs the workflow epoch by epoch.

    Hooks see the runner and observe: what changes the mathematics is in `train_step`.

    Attributes:
        state: the train state; each step makes a new one.
        mode: `train` or `val` inside an epoch, None outside.
        epoch, iter, inner_iter: epochs done, training iterations done, place in the current epoch.
        max_epochs, max_iters: where training ends.
        outputs: the last step's `log_vars`, on the device.
        log_buffer: what the loggers average.
        meta: what the log's first line says.

    Args:
        train_step: `(state, batch, key) -> (state, log_vars)`.
        eval_step: `(variables, batch) -> (scores, log_vars)`, for the `val` part of a workflow.
        state: the state to begin with.
        key: the PRNG key that each step folds with its number.
        schedule: step -> learning rate, for the log.
        max_epochs: epochs of training.
        batch_size: samples in a training step, for the log.
        work_dir: where hooks write.
        timestamp: of the log files' names; default: now.
        checkpoints: those of the work directory.
        meta: what the log's first line says: env_info, seed, config, CLASSES.
    """

    def __init__(
        self,
        train_step: Step,
        eval_step: Step | None,
        state: Any,
        key: Any,
        *,
        schedule: Callable[[int], Any],
        max_epochs: int,
        batch_size: int,
        work_dir: str | Path,
        timestamp: str = "",
        checkpoints: Checkpoints | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        self.train_step, self.eval_step = train_step, eval_step
        self.state, self.key, self.schedule = state, key, schedule
        self.max_epochs, self.batch_size = max_epochs, batch_size
        self.timestamp = timestamp or time.strftime("%Y%m%d_%H%M%S")
        self.work_dir, self.checkpoints, self.meta = Path(work_dir), checkpoints, dict(meta or {})
        self.epoch = self.iter = self.inner_iter = 0
        self.iters_per_epoch = 0
        self.mode: str | None = None
        self.outputs: dict[str, Any] = {}
        self.hooks: list[Hook] = []
        self.log_buffer = LogBuffer()
        self.log_intervals: set[int] = set()
        self._iteration_done = True
        self.logger = get_logger()

    @property
    def max_iters(self) -> int:
        """Training iterations in the whole run."""
        return self.max_epochs * self.iters_per_epoch

    @property
    def end_of_epoch(self) -> bool:
        """Whether the current iteration is the epoch's last."""
        return self.inner_iter + 1 == self.iters_per_epoch

    @property
    def log_is_due(self) -> bool:
        """Whether a logger will read the device's values after this iteration."""
        return self.end_of_epoch or any((self.inner_iter + 1) % interval == 0 for interval in self.log_intervals)

    def current_lr(self) -> float:
        """The learning rate of the latest training iteration, or of the first."""
        latest = self.iter if self.mode == "train" and not self._iteration_done else self.iter - 1
        return float(self.schedule(max(latest, 0)))

    def register_hook(self, hook: Hook, priority: int | str = "NORMAL") -> None:
        """Adds a hook behind those of the same priority.

        Raises:
            UserError: no such priority.
        """
        hook.priority = priority_value(priority)
        bisect.insort_right(self.hooks, hook, key=lambda registered: registered.priority)

    def register_hook_from_cfg(self, config: Mapping[str, Any], where: str = "custom_hooks") -> None:
        """Adds the hook that a config node describes; `priority` is one of its keys."""
        arguments = dict(config)
        priority = arguments.pop("priority", "NORMAL")
        self.register_hook(build(arguments, hook_package, where), priority)

    def call_hook(self, stage: str) -> None:
        """Calls `stage` of each hook, in order of priority."""
        for hook in self.hooks:
            getattr(hook, stage)(self)

    def hook_table(self) -> str:
        """Which hooks act at which stage, in their order."""
        lines = []
        for stage in STAGES:
            acting = [hook for hook in self.hooks if stage in hook.stages()]
            if acting:
                lines.append(f"{stage}:")
                lines += [f"({priority_name(hook.priority):<12}) {type(hook).__name__:<35}" for hook in acting]
                lines.append(" -------------------- ")
        return "\n".join(lines)

    def run(self, loaders: Mapping[str, Any], workflow: Sequence[tuple[str, int]] = (("train", 1),)) -> None:
        """Trains from `epoch` to `max_epochs`.

        Args:
            loaders: `train` and, where the workflow asks for it, `val` -> a `jaxcls.data.loader.Loader`.
            workflow: what to do in turn: (`train` or `val`, how many epochs of it).

        Raises:
            UserError: a workflow of other parts.
        """
        parts = {"train": self.train, "val": self.val}
        for mode, _ in workflow:
            if mode not in parts or mode not in loaders:
                raise UserError(f"workflow: {mode!r}; there are loaders for {', '.join(loaders)}")
        if not any(mode == "train" for mode, _ in workflow):
            raise UserError("workflow: no part trains")
        self.iters_per_epoch = len(loaders["train"])
        host = f"{getuser()}@{socket.gethostname()}"
        self.logger.info("Start running, host: %s, work_dir: %s", host, self.work_dir)
        self.logger.info("Hooks will be executed in the following order:\n%s", self.hook_table())
        self.logger.info("workflow: %s, max: %d epochs", [tuple(part) for part in workflow], self.max_epochs)
        self.call_hook("before_run")
        with closing(loaders["train"].iterate(start=self.iter)) as batches:
            sources = {"train": batches, "val": loaders.get("val")}
            while self.epoch < self.max_epochs:
                for mode, epochs in workflow:
                    for _ in range(epochs):
                        if mode == "train" and self.epoch >= self.max_epochs:
                            break
                        parts[mode](sources[mode])
        self.mode = None
        self.call_hook("after_run")

    def save_checkpoint(self) -> None:
        """Saves what a continuation needs; to be called after an epoch's last iteration."""
        assert self.checkpoints is not None
        self.checkpoints.save(self.epoch + 1, self.state, {"epoch": self.epoch + 1, "iter": self.iter})

    def train(self, batches: Any) -> None:
        """One epoch of training.

        Args:
            batches: an iterator that goes on across epochs.
        """
        self.mode = "train"
        self.call_hook("before_train_epoch")
        for place in range(self.iter - self.epoch * self.iters_per_epoch, self.iters_per_epoch):
            self.inner_iter, batch = place, next(batches)
            self._iteration_done = False
            self.call_hook("before_train_iter")
            self.state, self.outputs = self.train_step(self.state, batch, self.key)
            self.log_buffer.update(self.outputs, self.batch_size)
            self.call_hook("after_train_iter")
            self._iteration_done = True
            self.iter += 1
        self.call_hook("after_train_epoch")
        self.epoch += 1

    def val(self, loader: Any) -> None:
        """One pass over the validation data: its losses, in evaluation mode."""
        self.mode = "val"
        self.call_hook("before_val_epoch")
        for place, batch in enumerate(loader.iterate()):
            self.inner_iter = place
            self.call_hook("before_val_iter")
            assert self.eval_step is not None
            _, self.outputs = self.eval_step(self.state.variables, batch)
            self.log_buffer.update(self.outputs, int(jax.device_get(batch["mask"]).sum()))
            self.call_hook("after_val_iter")
        self.call_hook("after_val_epoch")
