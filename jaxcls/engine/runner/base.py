"""What runs a workflow: calls the step and, at ten stages, the hooks (mmcv/runner/base_runner.py)."""

from __future__ import annotations

import bisect
import itertools
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import jax.numpy as jnp

from jaxcls.builder import build
from jaxcls.engine import hooks as hook_package
from jaxcls.engine.checkpoints.storage import Checkpoints, has_checkpoint
from jaxcls.engine.hooks.hook import STAGES, Hook, priority_name, priority_value
from jaxcls.engine.log import ONLY_FILE, get_logger, user_and_host
from jaxcls.engine.runner.clock import Clock
from jaxcls.engine.runner.interruption import Interrupted, Interruption
from jaxcls.engine.runner.log_buffer import LogBuffer
from jaxcls.errors import UserError
from jaxcls.stopping import hearing

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
        log_buffer: what the loggers average.
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
    ) -> None:
        self.train_step, self.eval_step = train_step, eval_step
        self.state, self.key = state, key
        self.schedule, self.momentum_schedule = schedule, momentum_schedule
        self.length, self.batch_size, self.network = length, batch_size, network
        self.timestamp = timestamp or time.strftime("%Y%m%d_%H%M%S")
        self.work_dir, self.checkpoints = Path(work_dir), checkpoints
        self.meta, self.identity, self.description = dict(meta or {}), dict(identity or {}), dict(description or {})
        self.epoch = self.iter = self.inner_iter = self.iters_per_epoch = 0
        self.mode: str | None = None
        self.outputs: dict[str, Any] = {}
        self.loaders: Mapping[str, Any] = {}
        self.hooks: list[Hook] = []
        self.log_buffer = LogBuffer()
        self.log_intervals: set[int] = set()
        self.logger = get_logger()
        self.interruption, self.clock = Interruption(), Clock()
        self.seconds_per_iter = 0.0
        self.stop_reason: str | None = None
        self.failure: BaseException | None = None
        self.stage: str | None = None
        self._called: list[str] = []  # hooks that the stage is done with
        self._restored: dict[str, Any] = {}
        self._iteration_done = True
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
        hook.priority = priority_value(type(hook).priority if priority is None else priority)
        bisect.insort_right(self.hooks, hook, key=lambda registered: registered.priority)

    def register_hook_from_cfg(self, config: Mapping[str, Any], where: str = "custom_hooks") -> None:
        """Adds the hook that a config node describes; `priority` is one of its keys."""
        arguments = dict(config)
        priority = arguments.pop("priority", None)
        self.register_hook(build(arguments, hook_package, where), priority)

    def call_hook(self, stage: str) -> None:
        """Calls `stage` of each hook, in order of priority."""
        self._call(self.hooks, stage, [])

    def _call(self, hooks: Sequence[Hook], stage: str, called: list[str]) -> None:
        self.stage, self._called = stage, called
        for hook in hooks:
            getattr(hook, stage)(self)
            called.append(type(hook).__name__)
        self.stage = None

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
        return max(self.iter if self.mode == "train" and not self._iteration_done else self.iter - 1, 0)

    def request_stop(self, reason: str) -> None:
        """Ends training after the current epoch, or iteration where those are counted."""
        self.stop_reason = reason

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
                raise UserError(f"workflow: {mode!r}; there are loaders for {', '.join(loaders)}")
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
        self.logger.info("Hooks will be executed in the following order:\n%s", self.hook_table())
        unit, length = ("epochs", self.max_epochs) if self.by_epoch else ("iters", self.max_iters)
        self.logger.info("workflow: %s, max: %d %s", [tuple(part) for part in workflow], length, unit)
        with self.interruption, closing(loaders["train"].iterate(start=self.iter)) as batches:
            self.train_batches, begun = batches, []
            try:
                for hook in self.hooks:
                    hook.before_run(self)
                    begun.append(hook)
                self._finish_stage()
                self._run(workflow)
                if self.stop_reason:
                    self.logger.info("training ends early: %s", self.stop_reason)
            except BaseException as error:
                self.failure = error
            self._end(begun)

    def _end(self, begun: Sequence[Hook]) -> None:
        """Calls `after_run` of each hook that has begun, whatever another one raises, and raises what ended the run."""
        self.mode = self.stage = None
        for hook in begun:
            try:
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
        self.log_buffer.clear_output()  # an evaluation's numbers, where no logger did
        self._iteration_done = False
        self.call_hook("before_train_iter")
        self.state, self.outputs = self._step(batch)
        self.log_buffer.update(self.outputs, self.batch_size)
        self.call_hook("after_train_iter")
        self._end_iteration()
        if self.interruption.agreed(self.iter):
            self._stop()

    def _step(self, batch: Any) -> tuple[Any, dict[str, Any]]:
        def step() -> tuple[Any, dict[str, Any]]:
            return self.train_step(self.state, batch, self.key)

        if self._has_stepped:
            return step()
        self.logger.info("Compiling the training step")
        start = time.perf_counter()
        with self.clock.stopped():
            stepped = hearing(step, self.stop_if_requested)
        self.logger.info("Compiled in %.1f s", time.perf_counter() - start)
        self._has_stepped = True
        return stepped

    def _end_iteration(self) -> None:
        self._iteration_done = True
        self.iter += 1

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

        `epoch` and `iter` are those done when the stage will be. A stage is saved with the hooks that it is through
        with: a continuation calls the others.
        """
        return {
            "epoch": self.epoch + (self.stage == "after_train_epoch"),
            "iter": self.iter + (self.stage == "after_train_iter"),
            "stage": self.stage,
            "called": list(self._called),
            "log_buffer": self._pending_log(),
            "hooks": {name: state for name, hook in self._named_hooks() if (state := hook.state())},
            **self.description,
            **self.identity,
        }

    def _pending_log(self) -> dict[str, Any]:
        """What the next log line averages; nothing where an epoch has ended."""
        if self.stage == "after_train_epoch":
            return {}
        return self.log_buffer.state(max(self.log_intervals, default=1))

    def restore(self, state: Any, position: Mapping[str, Any]) -> None:
        """Takes up the state and the position of a checkpoint.

        Raises:
            UserError: it is of a run with which this one cannot go on.
        """
        differing = [
            _change(name, position[name], value)
            for name, value in self.identity.items()
            if name in position and position[name] != value
        ]
        if differing:
            raise UserError(
                f"cannot continue: {'; '.join(differing)}; "
                "set it back, or start anew from these weights with --load_from"
            )
        self.state, self._restored = state, dict(position)
        self.epoch, self.iter = position["epoch"], position["iter"]
        for name, hook in self._named_hooks():
            if name in position["hooks"]:
                hook.restore(position["hooks"][name])

    def _named_hooks(self) -> Iterator[tuple[str, Hook]]:
        """The hooks under names that are unique: their type, and a number from the second of a type on."""
        seen: dict[str, int] = {}
        for hook in self.hooks:
            name = type(hook).__name__
            seen[name] = seen.get(name, 0) + 1
            yield (name if seen[name] == 1 else f"{name}-{seen[name]}"), hook

    def _finish_stage(self) -> None:
        """After a continuation's start: the rest of the stage in which its checkpoint was saved."""
        stage = self._restored.get("stage")
        if stage is None:
            return
        left, called = list(self.hooks), list(self._restored["called"])
        for name in self._restored["called"]:
            left = _without_first(left, name)
        self.mode = "train"
        self.epoch -= stage == "after_train_epoch"
        self.iter -= stage == "after_train_iter"
        self.inner_iter = (self.iter - self.epoch * self.iters_per_epoch) if self.by_epoch else 0
        if stage == "after_train_iter":
            self.log_buffer.restore(self._restored.pop("log_buffer"))
            self._iteration_done = False
            self._call(left, stage, called)
            self._end_iteration()
            self._restored["log_buffer"] = self._pending_log()
        else:
            self.inner_iter -= 1
            self._call(left, stage, called)
            self.epoch += 1

    def restore_log(self) -> None:
        """In the middle of an epoch that an earlier run began: the values since its last log line."""
        if buffer := self._restored.pop("log_buffer", None):
            self.log_buffer.restore(buffer)

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


def _change(name: str, was: Any, now: Any) -> str:
    """What differs between two JSON values; of long lists the first place that does."""
    if isinstance(was, list) and isinstance(now, list) and max(len(was), len(now)) > 5:
        place = next(i for i, pair in enumerate(itertools.zip_longest(was, now)) if pair[0] != pair[1])
        name, was, now = f"{name}[{place}]", was[place : place + 1], now[place : place + 1]
    return f"{name} was {was!r} when the checkpoint was saved and is {now!r} now"


def _without_first(hooks: list[Hook], name: str) -> list[Hook]:
    """The hooks, less the first one of that type."""
    place = next((i for i, hook in enumerate(hooks) if type(hook).__name__ == name), len(hooks))
    return hooks[:place] + hooks[place + 1 :]
