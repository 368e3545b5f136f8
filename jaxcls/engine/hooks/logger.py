"""Loggers: when a line is due, and the text and JSON logs (mmcv/runner/hooks/logger/)."""

from __future__ import annotations

import abc
import datetime
import json
import os
from pathlib import Path
from typing import Any

import jax

from jaxcls.engine.hooks.hook import PRIORITIES, Hook, every_n
from jaxcls.engine.hooks.numbers import texts
from jaxcls.engine.records import Record, Window
from jaxcls.errors import UserError
from jaxcls.results import rounded


class LoggerHook(Hook, abc.ABC):
    """A line every `interval` iterations, at least one an epoch, and one for each evaluation.

    Args:
        interval: in iterations; of the epoch, or with `by_epoch=False` of the run.
        ignore_last: whether the iterations after the last full interval go unlogged.
        by_epoch: None: as the runner counts.
    """

    priority = PRIORITIES["VERY_LOW"]

    def __init__(self, interval: int = 10, ignore_last: bool = True, by_epoch: bool | None = None) -> None:
        if interval < 1:
            raise UserError(f"interval={interval!r}: expected 1 or more")
        self.interval, self.ignore_last, self.by_epoch = interval, ignore_last, by_epoch
        self.windows = {"train": Window(), "val": Window()}
        self._waiting: list[Record] = []

    @abc.abstractmethod
    def log(self, runner: Any, record: Record) -> None:
        """Writes a line."""

    def receive(self, record: Record) -> None:
        """Takes a line that is written at this logger's turn."""
        self._waiting.append(record)

    def state(self) -> dict[str, Any]:
        return {"windows": {mode: window.state() for mode, window in self.windows.items()}}

    def restore(self, state: dict[str, Any]) -> None:
        for mode, window in self.windows.items():
            window.restore(state["windows"][mode])

    def before_run(self, runner: Any) -> None:
        runner.log_intervals.add(self.interval)
        runner.log_buffer.windows.append(self.windows)
        if self.by_epoch is None:
            self.by_epoch = runner.by_epoch

    def after_train_iter(self, runner: Any) -> None:
        runner.hand_out()  # in front of the line that it may be part of
        if self._is_due(runner):
            values = self.windows["train"].take()
            if skipped := int(runner.state.skipped_updates):
                values["skipped_updates"] = skipped
            self.log(runner, runner.record("train", self.count(runner), values))
        self.write(runner)

    def _is_due(self, runner: Any) -> bool:
        count = self.count(runner)
        return every_n(count, self.interval) or (
            runner.end_of_epoch and (count < self.interval or not self.ignore_last)
        )

    def count(self, runner: Any) -> int:
        """The number of the iteration: in the epoch or in the run, as the logger counts."""
        return (runner.inner_iter if self.by_epoch else runner.iter) + 1

    def after_train_epoch(self, runner: Any) -> None:
        self.windows["train"].clear()
        self.write(runner)

    def after_val_iter(self, runner: Any) -> None:
        if not runner.by_epoch and every_n(runner.inner_iter + 1, self.interval):
            self._log_validation(runner)

    def after_val_epoch(self, runner: Any) -> None:
        self._log_validation(runner)

    def _log_validation(self, runner: Any) -> None:
        runner.hand_out()
        self.log(runner, runner.record("val", self.count(runner), self.windows["val"].take()))

    def write(self, runner: Any) -> None:
        """Writes the lines that have come; the runner calls it before `after_run`."""
        runner.hand_out()
        waiting, self._waiting = self._waiting, []
        for record in waiting:
            self.log(runner, record)


class TextLoggerHook(LoggerHook):
    """`<timestamp>.log` and `<timestamp>.log.json` in the work directory, lines and keys as the original writes them.

    Only the first process writes. A continued run goes on in the files of the run that it continues, from the line at
    which its checkpoint was saved.
    """

    def __init__(self, interval: int = 10, ignore_last: bool = True, by_epoch: bool | None = None) -> None:
        super().__init__(interval, ignore_last, by_epoch)
        self.size: int | None = None

    def state(self) -> dict[str, Any]:
        return {**super().state(), "size": self.size}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self.size = state["size"]

    def before_run(self, runner: Any) -> None:
        super().before_run(runner)
        self.path = Path(runner.work_dir) / f"{runner.timestamp}.log.json"
        self._rewind()
        self._dump(runner.meta)

    def _rewind(self) -> None:
        """Cuts off what came after the checkpoint: the continued run writes it again."""
        if jax.process_index() == 0 and self.size is not None and self.path.exists():
            os.truncate(self.path, min(self.size, self.path.stat().st_size))

    def log(self, runner: Any, record: Record) -> None:
        """One line in each log."""
        line: dict[str, Any] = {"mode": record.mode, "epoch": record.epoch, "iter": record.iter, "lr": record.lr}
        if record.mode == "train" and (memory := _device_memory()):
            line["memory"] = memory
        line |= record.values
        runner.logger.info(self._train_text(line, runner) if record.mode == "train" else self._val_text(line, runner))
        self._dump(rounded(line))

    def _train_text(self, line: dict[str, Any], runner: Any) -> str:
        if self.by_epoch:
            head = f"Epoch [{line['epoch']}][{line['iter']}/{runner.iters_per_epoch}]\t"
        else:
            head = f"Iter [{line['iter']}/{runner.max_iters}]\t"
        eta = datetime.timedelta(seconds=int(runner.seconds_per_iter * (runner.max_iters - runner.iter - 1)))
        parts = [f"lr: {line['lr']:.3e}", f"eta: {eta}"]
        parts += [f"{name}: {line[name]:.3f}" for name in ("time", "data_time") if name in line]
        if "memory" in line:
            parts.append(f"memory: {line['memory']}")
        return head + ", ".join(parts + _values(line, runner))

    def _val_text(self, line: dict[str, Any], runner: Any) -> str:
        place = f"[{line['epoch']}][{line['iter']}]" if self.by_epoch else f"[{line['iter']}]"
        return f"{'Epoch' if self.by_epoch else 'Iter'}(val) {place}\t" + ", ".join(_values(line, runner))

    def _dump(self, line: dict[str, Any]) -> None:
        if jax.process_index() != 0:
            return
        try:
            with self.path.open("a") as file:
                file.write(json.dumps(line) + "\n")
                self.size = file.tell()
        except OSError as error:
            raise UserError(f"{self.path} could not be written: {error}") from error


def _values(line: dict[str, Any], runner: Any) -> list[str]:
    known = ("mode", "epoch", "iter", "lr", "memory", "time", "data_time")
    rest = {name: value for name, value in line.items() if name not in known}
    return texts(rest, runner.meta.get("CLASSES", ()))


def _device_memory() -> int | None:
    """Peak memory of the first device in MB; None where the backend does not count it."""
    stats = jax.local_devices()[0].memory_stats()
    return int(stats["peak_bytes_in_use"] / 2**20) if stats and "peak_bytes_in_use" in stats else None
