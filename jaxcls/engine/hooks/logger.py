"""Loggers: when a line is due, and the text and JSON logs (mmcv/runner/hooks/logger/)."""

from __future__ import annotations

import abc
import datetime
import json
from pathlib import Path
from typing import Any

import jax

from jaxcls.engine.hooks.hook import Hook, every_n
from jaxcls.results import rounded


class LoggerHook(Hook, abc.ABC):
    """A line every `interval` iterations of an epoch, at least one an epoch, and one for each evaluation.

    Args:
        interval: in iterations.
        ignore_last: whether the iterations after the epoch's last full interval go unlogged.
    """

    def __init__(self, interval: int = 10, ignore_last: bool = True) -> None:
        self.interval, self.ignore_last = interval, ignore_last
        self._logged = False

    @abc.abstractmethod
    def log(self, runner: Any) -> None:
        """Writes what is in `runner.log_buffer.output`."""

    def before_run(self, runner: Any) -> None:
        runner.log_intervals.add(self.interval)

    def before_epoch(self, runner: Any) -> None:
        runner.log_buffer.clear()
        self._logged = False

    def after_train_iter(self, runner: Any) -> None:
        if every_n(runner.inner_iter + 1, self.interval):
            runner.log_buffer.average(self.interval)
        elif runner.end_of_epoch and not self._logged:
            runner.log_buffer.average()
        elif runner.end_of_epoch and not self.ignore_last:
            runner.log_buffer.average((runner.inner_iter + 1) % self.interval)
        self._log_if_ready(runner)

    def after_train_epoch(self, runner: Any) -> None:
        self._log_if_ready(runner)

    def after_val_epoch(self, runner: Any) -> None:
        runner.log_buffer.average()
        self._log_if_ready(runner)

    def _log_if_ready(self, runner: Any) -> None:
        if runner.log_buffer.ready:
            self.log(runner)
            self._logged = True
            if self is [hook for hook in runner.hooks if isinstance(hook, LoggerHook)][-1]:
                runner.log_buffer.clear_output()

    @staticmethod
    def mode(runner: Any) -> str:
        """`train` for a line about iterations of training, else `val`."""
        return "train" if runner.mode == "train" and "time" in runner.log_buffer.output else "val"


class TextLoggerHook(LoggerHook):
    """`<timestamp>.log` and `<timestamp>.log.json` in the work directory, lines and keys as the original writes them.

    Only the first process writes.
    """

    def before_run(self, runner: Any) -> None:
        super().before_run(runner)
        self.path = Path(runner.work_dir) / f"{runner.timestamp}.log.json"
        self.first_iter, self.seconds = runner.iter, 0.0
        self._dump(runner.meta)

    def log(self, runner: Any) -> None:
        """One line in each log."""
        output = dict(runner.log_buffer.output)
        mode = self.mode(runner)
        line = {
            "mode": mode,
            "epoch": runner.epoch + 1 if runner.mode == "train" else runner.epoch,
            "iter": output.pop("eval_iter_num", runner.inner_iter + 1),
            "lr": runner.current_lr(),
        }
        memory = _device_memory()
        if mode == "train" and memory:
            line["memory"] = memory
        line |= output
        runner.logger.info(self._train_text(line, runner) if mode == "train" else self._val_text(line))
        self._dump(rounded(line))

    def _train_text(self, line: dict[str, Any], runner: Any) -> str:
        head = f"Epoch [{line['epoch']}][{line['iter']}/{runner.iters_per_epoch}]\t"
        count = min(self.interval, line["iter"])
        self.seconds += line["time"] * count
        left = self.seconds / (runner.iter + 1 - self.first_iter) * (runner.max_iters - runner.iter - 1)
        eta = datetime.timedelta(seconds=int(left))
        parts = [f"lr: {line['lr']:.3e}", f"eta: {eta}", f"time: {line['time']:.3f}"]
        parts.append(f"data_time: {line['data_time']:.3f}")
        if "memory" in line:
            parts.append(f"memory: {line['memory']}")
        return head + ", ".join(parts + _values(line))

    def _val_text(self, line: dict[str, Any]) -> str:
        return f"Epoch(val) [{line['epoch']}][{line['iter']}]\t" + ", ".join(_values(line))

    def _dump(self, line: dict[str, Any]) -> None:
        if jax.process_index() == 0:
            with self.path.open("a") as file:
                file.write(json.dumps(line) + "\n")


def _values(line: dict[str, Any]) -> list[str]:
    known = ("mode", "epoch", "iter", "lr", "memory", "time", "data_time")
    rest = {name: value for name, value in line.items() if name not in known}
    return [f"{name}: {value:.4f}" if isinstance(value, float) else f"{name}: {value}" for name, value in rest.items()]


def _device_memory() -> int | None:
    """Peak memory of the first device in MB; None where the backend does not count it."""
    stats = jax.local_devices()[0].memory_stats()
    return int(stats["peak_bytes_in_use"] / 2**20) if stats and "peak_bytes_in_use" in stats else None
