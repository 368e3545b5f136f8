"""What runs a workflow: calls the step and, at ten stages, the hooks (mmcv/runner/base_runner.py)."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import jax.numpy as jnp

from jaxcls.builder import build
from jaxcls.engine import hooks as hook_package
from jaxcls.engine.checkpoints.storage import Checkpoints, has_checkpoint
from jaxcls.engine.hooks.hook import Hook
from jaxcls.engine.hooks.logger import LoggerHook
from jaxcls.engine.log import ONLY_FILE, get_logger, user_and_host
from jaxcls.engine.records import LogBuffer, Record, fetched
from jaxcls.engine.runner.clock import Clock
from jaxcls.engine.runner.hook_list import HookList
from jaxcls.engine.runner.identity import check_identity
from jaxcls.engine.runner.interruption import Interrupted, Interruption
from jaxcls.errors import UserError
from jaxcls.stopping import hearing

_COMPLETING = ("after_train_iter", "after_train_epoch")  # the stages after which something is done
Step = Callable[..., tuple[Any, dict[str, Any]]]


class Runner(ABC):
    """Runs the workflow.

    Hooks see the runner and observe: what changes the mathematics is in `train_step`.

    Attributes:
        state: the train state; each step makes a new one.
        mode: `train` or `val` inside an epoch, None outside.
        epoch, iter, inner_iter: epochs done, training iterations done, place in the current epoch.
        iters_per_epoch: training iterations in a pass over the data.
        outputs: the last step's `log_vars`, on the device.
        loaders: name -> loader.
        log_buffer: where hooks put numbers for the log.
        evaluation: in the stage in which there has been one, its numbers by name; else None.
        log_intervals: after how many iterations some logger reads the device's values.
        clock: what iterations are timed by; it stands still during compilation and evaluation.
        seconds_per_iter: the mean over this process's training iterations; 0 before the first.
        meta: what the log's first line says.
        failure: in `after_run`, what has ended the run before its end, an `Interrupted` too; None: nothing.

    Args:
        train_step: `(state, batch, key) -> (state, log_vars)`.
        eval_step: `(variables, batch) -> (scores, log_vars)`, for the `val` part of a workflow.
        state: the state to begin with.
        key: the PRNG key that each step folds with its number.
        schedule: step -> learning rate, for the log.
        momentum_schedule: step -> momentum, for the log; None where there is none.
        length: of the training, in epochs or iterations.
        batch_size: samples in a training step, for the log.
        work_dir: where hooks write.
        timestamp: of the log files' names; default: now.
        checkpoints: those of the work directory.
        meta: what the log's first line says: env_info, seed, config, CLASSES.
        identity: what a continuation must have in common with the run that it continues, name -> JSON value.
        description: what else checkpoints say of the network, name -> JSON value.
        network: what runs on the devices (`jaxcls.engine.assembly.Network`), for hooks that compute.
        begin: `params` and `batch_stats` -> the state of a run that begins with them; for `load_from`.
    """

    by_epoch: ClassVar[bool]

    def __init__(
        self,
        train_step: Step,
        eval_step: Step | None,
        state: Any,
        key: Any,
        *,
        schedule: Callable[[int], Any],
        length: int,
        batch_size: int,
        work_dir: str | Path,
        momentum_schedule: Callable[[int], Any] | None = None,
        timestamp: str = "",
        checkpoints: Checkpoints | None = None,
        meta: Mapping[str, Any] | None = None,
        identity: Mapping[str, Any] | None = None,
        description: Mapping[str, Any] | None = None,
        network: Any = None,
        begin: Callable[[Mapping[str, Any]], Any] | None = None,
    ) -> None:
        self.train_step, self.eval_step = train_step, eval_step
        self.state, self.key = state, key
        self.schedule, self.momentum_schedule = schedule, momentum_schedule
        self.length, self.batch_size, self.network = length, batch_size, network
        self.begin = begin
        self.timestamp = timestamp or time.strftime("%Y%m%d_%H%M%S")
        self.work_dir, self.checkpoints = Path(work_dir), checkpoints
        self.meta, self.identity, self.description = dict(meta or {}), dict(identity or {}), dict(description or {})
        self.epoch = self.iter = self.inner_iter = self.iters_per_epoch = 0
        self.mode: str | None = None
        self.outputs: dict[str, Any] = {}
        self.loaders: Mapping[str, Any] = {}
        self.hooks = HookList()
        self.log_buffer = LogBuffer()
        self.log_intervals: set[int] = set()
        self.logger = get_logger()
        self.interruption, self.clock = Interruption(), Clock()
        self.seconds_per_iter = 0.0
        self.stop_reason: str | None = None
        self.failure: BaseException | None = None
        self.stage: str | None = None
        self.evaluation: dict[str, Any] | None = None
        self._own_line: int | None = None  # what the line of `log` names, where there is one
        self._at_stage: dict[str, Any] = {}
        self._unfinished: str | None = None
        self._has_stepped = False

    # what differs between the two

    @property
    @abstractmethod
    def max_epochs(self) -> int:
        """Epochs in the whole run."""

    @property
    @abstractmethod
    def max_iters(self) -> int:
        """Training iterations in the whole run."""

    @abstractmethod
    def _run(self, workflow: Sequence[tuple[str, int]]) -> None:
        """The workflow's parts in turn, from where the run stands to its end."""

    # hooks

    def register_hook(self, hook: Hook, priority: int | str | None = None) -> None:
        """Adds a hook behind those of the same priority; None: its class's own.

        Raises:
            UserError: no such priority.
        """
        self.hooks.add(hook, priority)

    def register_hook_from_cfg(self, config: Mapping[str, Any], where: str = "custom_hooks") -> None:
        """Adds the hook that a config node describes; `priority` is one of its keys."""
        arguments = dict(config)
        priority = arguments.pop("priority", None)
        hook = build(arguments, hook_package, where)
        try:
            self.register_hook(hook, priority)
        except UserError as error:
            raise UserError(f"{where}: {error}") from error

    def call_hook(self, stage: str) -> None:
        """Calls `stage` of each hook, in order of priority."""
        self.stage = stage
        if stage in _COMPLETING:
            self._at_stage = self.hooks.state()
        for hook in self.hooks:
            getattr(hook, stage)(self)
        self.hand_out()
        self.stage = self.evaluation = None

    # what hooks ask

    @property
    def end_of_epoch(self) -> bool:
        """Whether the current iteration is the epoch's last; in a run by iterations, the run's last."""
        return self.inner_iter + 1 == self.iters_per_epoch if self.by_epoch else self.iter + 1 == self.max_iters

    @property
    def log_is_due(self) -> bool:
        """Whether a logger will read the device's values after this iteration."""
        count = self.inner_iter + 1 if self.by_epoch else self.iter + 1
        return self.end_of_epoch or any(count % interval == 0 for interval in self.log_intervals)

    def current_lr(self) -> float:
        """The learning rate of the latest training iteration, or of the first."""
        return float(self.schedule(self._latest()))

    def current_momentum(self) -> float | None:
        """The momentum of the latest training iteration, or of the first; None where there is none."""
        return None if self.momentum_schedule is None else float(self.momentum_schedule(self._latest()))

    def _latest(self) -> int:
        within = self.stage in ("before_train_iter", "after_train_iter")
        return self.iter if within else max(self.iter - 1, 0)

    def request_stop(self, reason: str) -> None:
        """Ends training after the current epoch, or iteration where those are counted."""
        self.stop_reason = reason

    # what hooks tell

    def log(self, values: Mapping[str, Any], iter: int | None = None) -> None:
        """Numbers for a line of their own, the stage's evaluation among them where there is one.

        What is in `log_buffer.output` comes with them, but for what belongs to an iteration's line.

        Args:
            values: name -> number, or array.
            iter: what the line names beside the epoch; None: the iteration.
        """
        if self.stage == "after_train_iter" and self._own_line is None:
            self.log_buffer.note()
        self.log_buffer.output.update(values)
        self._own_line = iter or self._place

    def hand_out(self) -> None:
        """Gives the loggers what is in `log_buffer.output`.

        It is a line of its own after `log` and where an epoch of training or the run ends; else part of the next line
        about iterations.
        """
        if not self.log_buffer.output:
            return
        if self._own_line is None and self.stage not in ("after_train_epoch", "after_epoch", "after_run"):
            self.log_buffer.note()
            return
        place, self._own_line = self._own_line or self._place, None
        record = self.record("val", place, self.log_buffer.take())
        for hook in self.hooks:
            if isinstance(hook, LoggerHook):
                hook.receive(record)

    @property
    def _place(self) -> int:
        """The latest iteration's number, in its epoch or in a run by iterations."""
        return self.inner_iter + 1 if self.by_epoch else self.iter + (self.stage == "after_train_iter")

    def record(self, mode: str, iter: int, values: Mapping[str, Any]) -> Record:
        """A line of the log about the present."""
        epoch = self.epoch + (self.mode == "train")
        return Record(mode, epoch, iter, self.iter + 1, self.current_lr(), self.current_momentum(), values)

    # running

    def check(self, loaders: Mapping[str, Any], workflow: Sequence[tuple[str, int]]) -> None:
        """Refuses what cannot run, before anything is written.

        Args:
            loaders: `train` and, where there is validation data, `val` -> a `jaxcls.data.loader.Loader`.
            workflow: what to do in turn: (`train` or `val`, how many epochs or iterations of it).

        Raises:
            UserError: a workflow of other parts, or whatever a hook refuses.
        """
        for mode, _ in workflow:
            if mode not in ("train", "val") or mode not in loaders:
                hint = "; it needs data.val, without --novalidate" if mode == "val" else ""
                raise UserError(f"workflow: {mode!r}; there are loaders for {', '.join(loaders)}{hint}")
        if not any(mode == "train" for mode, _ in workflow):
            raise UserError("workflow: no part trains")
        self.loaders, self.iters_per_epoch = loaders, len(loaders["train"])
        for hook in self.hooks:
            hook.check(self)

    def run(self, loaders: Mapping[str, Any], workflow: Sequence[tuple[str, int]] = (("train", 1),)) -> None:
        """Trains from where the run stands to its end.

        Args:
            loaders: as for `check`.
            workflow: as for `check`.

        Raises:
            UserError: what `check` refuses.
            Interrupted: a signal asked for the end; everything is saved.
        """
        self.check(loaders, workflow)
        self.logger.info("Start running, host: %s, work_dir: %s", user_and_host(), self.work_dir)
        self.logger.info("Hooks will be executed in the following order:\n%s", self.hooks.table())
        unit, length = ("epochs", self.max_epochs) if self.by_epoch else ("iters", self.max_iters)
        self.logger.info("workflow: %s, max: %d %s", [tuple(part) for part in workflow], length, unit)
        with self.interruption, closing(loaders["train"].iterate(start=self.iter)) as batches:
            self.train_batches, begun = batches, []
            try:
                for hook in self.hooks:
                    hook.before_run(self)
                    begun.append(hook)
                self._repeat_stage()
                self._run(workflow)
                if self.stop_reason:
                    self.logger.info("training ends early: %s", self.stop_reason)
            except BaseException as error:
                self.failure = error
            self._end(begun)

    def _end(self, begun: Sequence[Hook]) -> None:
        """Calls `after_run` of each hook that has begun, whatever another one raises, and raises what ended the run."""
        self.mode, self.stage = None, "after_run"
        for hook in begun:
            try:
                if isinstance(hook, LoggerHook):
                    hook.write(self)
                hook.after_run(self)
            except Exception as error:
                if self.failure is not None:
                    self.logger.error("%s.after_run failed, too: %s", type(hook).__name__, error)
                else:
                    self.failure = error
        if self.failure is not None:
            self.logger.error("the run ends: %s: %s", type(self.failure).__name__, self.failure, extra=ONLY_FILE)
            raise self.failure

    def train_iteration(self) -> None:
        """One training step and its stages."""
        batch = next(self.train_batches)
        self.call_hook("before_train_iter")
        self.state, self.outputs = self._step(batch)
        self.log_buffer.update(self.outputs, self.batch_size)
        self.call_hook("after_train_iter")
        self.iter += 1
        if self.interruption.agreed(self.iter):
            self._stop()

    def _step(self, batch: Any) -> tuple[Any, dict[str, Any]]:
        def step() -> tuple[Any, dict[str, Any]]:
            return self.train_step(self.state, batch, self.key)

        if self._has_stepped:
            return step()
        with self.clock.stopped():
            stepped = hearing(step, self.stop_if_requested)
        self._has_stepped = True
        return stepped

    def enter(self, mode: str) -> None:
        """An epoch, or a part of a workflow by iterations, of that mode begins."""
        if mode == "val" and self.mode != "val":
            self._at_stage = self.hooks.state()
        self.mode = self.log_buffer.mode = mode

    def val_iteration(self, batch: Mapping[str, Any]) -> None:
        """One validation step, in evaluation mode, and its stages."""
        self.call_hook("before_val_iter")
        assert self.eval_step is not None
        _, self.outputs = self.eval_step(self.state.variables, batch)
        self.log_buffer.update(self.outputs, int(jnp.sum(batch["mask"])))
        self.call_hook("after_val_iter")
        self.stop_if_requested()

    # saving and continuing

    @property
    def checkpoint_number(self) -> int:
        """The number of a checkpoint saved now: that of the epoch, or of the iteration, that is being completed."""
        if self.identity.get("numbered_by", "epoch") == "epoch":
            return self.epoch + 1
        return self.iter + (self.stage == "after_train_iter")

    def save_checkpoint(self) -> None:
        """Saves what a continuation needs; to be called by a hook after an epoch's or an iteration's end."""
        assert self.checkpoints is not None
        self.checkpoints.save(self.checkpoint_number, self.state, self.position())

    def position(self) -> dict[str, Any]:
        """Where the run stands, beside the state; JSON.

        A checkpoint that is saved in the stage after an epoch or an iteration counts that as done, and holds what the
        hooks were at the beginning of the stage: a continuation begins with the whole stage. One that is saved in a
        workflow's validation holds what they were before it: a continuation repeats it.
        """
        stage = self.stage if self.stage in _COMPLETING else None
        as_before = stage is not None or self.mode == "val"
        return {
            "epoch": self.epoch + (stage == "after_train_epoch"),
            "iter": self.iter + (stage == "after_train_iter"),
            "stage": stage,
            "hooks": fetched(self._at_stage if as_before else self.hooks.state()),
            **self.description,
            **self.identity,
        }

    def restore(self, state: Any, position: Mapping[str, Any]) -> None:
        """Takes up the state and the position of a checkpoint.

        Raises:
            UserError: it is of a run with which this one cannot go on.
        """
        check_identity(self.identity, position)
        self.state, self._unfinished = state, position["stage"]
        self.epoch, self.iter = position["epoch"], position["iter"]
        self.hooks.restore(position["hooks"])

    def _repeat_stage(self) -> None:
        """After a continuation's start: the stage in which its checkpoint was saved."""
        if self._unfinished == "after_train_iter":
            self.iter -= 1
            self.inner_iter = self.iter - self.epoch * self.iters_per_epoch if self.by_epoch else 0
            self.enter("train")
            self.call_hook("after_train_iter")
            self.iter += 1
        elif self._unfinished == "after_train_epoch":
            self.epoch, self.inner_iter = self.epoch - 1, self.iters_per_epoch - 1
            self.enter("train")
            self.call_hook("after_train_epoch")
            self.epoch += 1

    def stop_if_requested(self) -> None:
        """Saves what is new and raises Interrupted if this process, being the only one, was asked to stop."""
        if self.interruption.requested():
            self._stop()

    def _stop(self) -> None:
        assert self.checkpoints is not None
        name = self.interruption.name
        if not self._has_stepped:
            if has_checkpoint(self.checkpoints.workdir):
                raise Interrupted(f"{name}: stopped before the first step; continue with --resume")
            raise Interrupted(f"{name}: stopped before the first step; nothing is saved", self.interruption.status)
        where = f"epoch {self.epoch + 1}, iteration {self.iter}"
        self.logger.info("%s: saving at %s", name, where)
        folder = self.checkpoints.save_interrupted(self.iter, self.state, self.position())
        raise Interrupted(f"{name}: stopped at {where}, saved in {folder}; continue with --resume")
