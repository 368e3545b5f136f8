"""MLflow (mmcv/runner/hooks/logger/mlflow.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jaxcls.engine import processes
from jaxcls.engine.hooks import trackers
from jaxcls.engine.hooks.logger import LoggerHook
from jaxcls.engine.records import Record


class MlflowLoggerHook(LoggerHook):
    """Logs to MLflow, at the server or store that MLflow is set to; `pip install 'jaxcls[mlflow]'`.

    Only the first process writes. A continued run goes on in the same MLflow run.

    Args:
        exp_name: the experiment, made where there is none of that name.
        tags: of the run.
        params: of the run.
        log_model: whether to upload the newest checkpoint at the end of a complete run, as the artifact
            `models/<number>`.
        interval: in iterations.
        ignore_last: whether the iterations after the last full interval go unlogged.
        by_epoch: see `LoggerHook`.

    Raises:
        UserError: MLflow is not installed.
    """

    def __init__(
        self,
        exp_name: str | None = None,
        tags: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        log_model: bool = True,
        interval: int = 10,
        ignore_last: bool = True,
        by_epoch: bool | None = None,
    ) -> None:
        super().__init__(interval, ignore_last, by_epoch)
        self.mlflow = trackers.require("mlflow", type(self).__name__)
        self.exp_name, self.log_model = exp_name, log_model
        self.tags, self.params = dict(tags or {}), dict(params or {})
        self.run_id: str | None = None

    def state(self) -> dict[str, Any]:
        return {**super().state(), "run_id": self.run_id}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self.run_id = state["run_id"]

    def before_run(self, runner: Any) -> None:
        super().before_run(runner)
        if processes.is_first():
            if self.exp_name is not None:
                self.mlflow.set_experiment(self.exp_name)
            self.run_id = self.mlflow.start_run(run_id=self.run_id).info.run_id
            self.mlflow.set_tags(self.tags)
            self.mlflow.log_params(self.params)

    def log(self, runner: Any, record: Record) -> None:
        """One line."""
        if processes.is_first():
            self.mlflow.log_metrics(trackers.tags(runner, record), step=record.step)

    def after_run(self, runner: Any) -> None:
        if processes.is_first():
            if runner.failure is not None:
                self.mlflow.end_run(status=trackers.status(runner))
                return
            if self.log_model and (numbers := runner.checkpoints.numbers):
                folder = runner.checkpoints.directory / str(numbers[-1])
                self.mlflow.log_artifacts(str(folder), artifact_path=f"models/{numbers[-1]}")
            self.mlflow.end_run()
