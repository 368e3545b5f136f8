"""Weights & Biases (mmcv/runner/hooks/logger/wandb.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jaxcls.engine import processes
from jaxcls.engine.hooks import trackers
from jaxcls.engine.hooks.logger import LoggerHook
from jaxcls.engine.records import Record
from jaxcls.errors import UserError, close_names

SUMMARIES = ("min", "max", "mean", "best", "last", "none")


class WandbLoggerHook(LoggerHook):
    """Logs to Weights & Biases; `pip install 'jaxcls[wandb]'`.

    Only the first process writes. A continued run goes on in the same W&B run.

    Args:
        init_kwargs: arguments of `wandb.init`; its files go to the work directory unless they say otherwise.
        interval: in iterations.
        ignore_last: whether the iterations after the last full interval go unlogged.
        commit: with `with_step=False`, that of `wandb.log`: whether a line is complete; if not, the next one is added
            to it. With steps a line is complete when the step moves on.
        by_epoch: see `LoggerHook`.
        with_step: whether a line's step is the training iteration; else that is its value `global_step`.
        log_artifact: whether to upload files of the work directory at the end of a complete run, as the artifact
            `artifacts`.
        out_suffix: the endings of these files' names.
        define_metric_cfg: name of a number -> what the summary shows of it: min, max, mean, best, last or none.

    Raises:
        UserError: W&B is not installed, or another summary.
    """

    def __init__(
        self,
        init_kwargs: Mapping[str, Any] | None = None,
        interval: int = 10,
        ignore_last: bool = True,
        commit: bool = True,
        by_epoch: bool | None = None,
        with_step: bool = True,
        log_artifact: bool = True,
        out_suffix: str | tuple[str, ...] = (".log.json", ".log", "config.json"),
        define_metric_cfg: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(interval, ignore_last, by_epoch)
        self.wandb = trackers.require("wandb", type(self).__name__)
        self.init_kwargs, self.define_metric_cfg = dict(init_kwargs or {}), dict(define_metric_cfg or {})
        self.commit, self.with_step = commit, with_step
        self.log_artifact, self.out_suffix = log_artifact, out_suffix
        self.run_id: str | None = None
        for metric, summary in self.define_metric_cfg.items():
            if summary not in SUMMARIES:
                raise UserError(f"define_metric_cfg: {metric}={summary!r}; {close_names(str(summary), SUMMARIES)}")

    def state(self) -> dict[str, Any]:
        return {**super().state(), "run_id": self.run_id}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self.run_id = state["run_id"]

    def before_run(self, runner: Any) -> None:
        super().before_run(runner)
        if processes.is_first():
            same_run = {"id": self.run_id, "resume": "allow"} if self.run_id else {}
            self.run = self.wandb.init(**{"dir": str(runner.work_dir), **same_run, **self.init_kwargs})
            self.run_id = self.run.id
            for metric, summary in self.define_metric_cfg.items():
                self.run.define_metric(metric, summary=summary)

    def log(self, runner: Any, record: Record) -> None:
        """One line."""
        if processes.is_first():
            tags, step = trackers.tags(runner, record), record.step
            if self.with_step:
                # W&B takes nothing more for a step that is committed, and an evaluation shares its with a train line.
                self.run.log(tags, step=step)
            else:
                self.run.log({**tags, "global_step": step}, commit=self.commit)

    def after_run(self, runner: Any) -> None:
        if processes.is_first():
            if runner.failure is not None:
                self.run.finish(exit_code=1)  # W&B calls any other status than 0 failed
                return
            if self.log_artifact:
                artifact = self.wandb.Artifact(name="artifacts", type="model")
                for path in sorted(runner.work_dir.iterdir()):
                    if path.name.endswith(self.out_suffix):
                        artifact.add_file(str(path))
                self.run.log_artifact(artifact)
            self.run.finish()
