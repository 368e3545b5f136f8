"""Writes a report at the end of a run."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import jax

from jaxcls.builder import lookup
from jaxcls.engine import hooks
from jaxcls.engine.hooks.hook import PRIORITIES, Hook
from jaxcls.errors import UserError
from jaxcls.paths import output_file


class ReportHook(Hook):
    """The run as one HTML file (`jaxcls.report`), written when it is complete; `pip install 'jaxcls[tools]'`.

    Args:
        out: the file; None: `report.html` in the work directory.
        split: `val` or `test`; None: the first of them that the config has.
        shown: pictures behind the confusion matrix, at most.
    """

    priority = PRIORITIES["LOWEST"]

    def __init__(self, out: str | os.PathLike | None = None, split: str | None = None, shown: int = 400) -> None:
        if split not in (None, "val", "test"):
            raise UserError(f"split: {split!r}; allowed: val, test")
        self.out, self.split, self.shown = out, split, shown

    def check(self, runner: Any) -> None:
        if jax.process_count() > 1:
            raise UserError(
                "ReportHook: a run of several processes writes no report; leave it out, and afterwards run "
                f"python -m jaxcls.tools.report {runner.work_dir}"
            )
        _of_report("check_installed")()
        if self.out is not None:
            output_file(self.out, "ReportHook: out")

    def after_run(self, runner: Any) -> None:
        if runner.failure is not None:
            return
        try:
            path = _of_report("write_report")([runner.work_dir], self.out, self.split, self.shown)
            runner.logger.info("Report: %s", path)
        except UserError as error:  # the training itself is complete, and saved
            runner.logger.error("No report: %s", error)


def _of_report(name: str) -> Callable[..., Any]:
    """By its name, since the report lies above the engine."""
    return lookup(f"jaxcls.report.write:{name}", hooks, "ReportHook")
