"""A trace of some iterations or epochs (mmcv/runner/hooks/profiler.py)."""

from __future__ import annotations

import gzip
import os
import shutil
from typing import Any

import jax

from jaxcls.engine import processes
from jaxcls.engine.hooks.hook import Hook
from jaxcls.errors import UserError
from jaxcls.paths import expand, output_file


class ProfilerHook(Hook):
    """Writes JAX's trace of what host and devices do, for TensorBoard's profile plugin, XProf or Perfetto.

    Only the first process writes. The first iterations of a run include compilation; give a `start` beyond them for
    the time that steps really take.

    Args:
        by_epoch: whether `start` and `profile_iters` count epochs; else training iterations.
        profile_iters: how many of them are traced.
        start: how many of this run's go before.
        with_stack: whether to trace Python's functions, too.
        trace_dir: default: `tf_tracing_logs` in the work directory.
        json_trace_path: where to put the trace in Chrome's JSON form, too; None: nowhere.

    Raises:
        UserError: `profile_iters`, `start` or `json_trace_path` cannot be.
    """

    def __init__(
        self,
        by_epoch: bool = True,
        profile_iters: int = 1,
        start: int = 0,
        with_stack: bool = False,
        trace_dir: str | os.PathLike | None = None,
        json_trace_path: str | os.PathLike | None = None,
    ) -> None:
        if profile_iters < 1 or start < 0:
            raise UserError(f"profile_iters={profile_iters!r}, start={start!r}; allowed: from 1, from 0")
        self.by_epoch, self.profile_iters, self.start = by_epoch, profile_iters, start
        self.with_stack = with_stack
        self.trace_dir = None if trace_dir is None else expand(trace_dir)
        self.json_trace_path = None if json_trace_path is None else output_file(json_trace_path, "json_trace_path")
        self._tracing = False

    def check(self, runner: Any) -> None:
        if self.by_epoch and not runner.by_epoch:
            raise UserError("ProfilerHook: the runner counts iterations; give by_epoch=False")
        left = (runner.max_epochs if self.by_epoch else runner.max_iters) - self._done(runner)
        if self.start + self.profile_iters > left:
            unit = "epochs" if self.by_epoch else "iterations"
            raise UserError(
                f"ProfilerHook: start={self.start} and profile_iters={self.profile_iters} "
                f"go beyond the {left} {unit} of this run"
            )

    def before_run(self, runner: Any) -> None:
        self._first = self._done(runner)
        self._folder = self.trace_dir or runner.work_dir / "tf_tracing_logs"

    def before_train_epoch(self, runner: Any) -> None:
        if self.by_epoch:
            self._start_if_due(runner)

    def before_train_iter(self, runner: Any) -> None:
        if not self.by_epoch:
            self._start_if_due(runner)
        if self._tracing:
            self._step = jax.profiler.StepTraceAnnotation("train", step_num=runner.iter)
            self._step.__enter__()

    def after_train_iter(self, runner: Any) -> None:
        if self._tracing:
            self._step.__exit__(None, None, None)
            if not self.by_epoch:
                self._stop_if_due(runner)

    def after_train_epoch(self, runner: Any) -> None:
        if self._tracing and self.by_epoch:
            self._stop_if_due(runner)

    def after_run(self, runner: Any) -> None:
        if self._tracing:  # the training has ended early
            self._stop(runner)

    def _done(self, runner: Any) -> int:
        return runner.epoch if self.by_epoch else runner.iter

    def _start_if_due(self, runner: Any) -> None:
        if self._done(runner) - self._first == self.start and processes.is_first():
            options = jax.profiler.ProfileOptions()
            options.python_tracer_level = int(self.with_stack)
            jax.block_until_ready(runner.state)  # what is under way belongs to earlier steps
            jax.profiler.start_trace(self._folder, profiler_options=options)
            self._tracing = True

    def _stop_if_due(self, runner: Any) -> None:
        if self._done(runner) - self._first == self.start + self.profile_iters - 1:
            self._stop(runner)

    def _stop(self, runner: Any) -> None:
        jax.block_until_ready((runner.state, runner.outputs))
        jax.profiler.stop_trace()
        self._tracing = False
        runner.logger.info("Trace written to %s", self._folder)
        if self.json_trace_path is not None:
            newest = max(self._folder.glob("plugins/profile/*/*.trace.json.gz"), key=lambda path: path.stat().st_mtime)
            with gzip.open(newest) as packed, self.json_trace_path.open("wb") as file:
                shutil.copyfileobj(packed, file)
