"""How long an iteration takes, and how much of it the data (mmcv/runner/hooks/iter_timer.py)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax

from jaxcls.engine.hooks.hook import PRIORITIES, Hook

_LOOK = 60.0  # seconds of training between two looks at what the devices wait for


class IterTimerHook(Hook):
    """Adds `data_time` and `time`, in seconds by the runner's clock, to the log buffer.

    Steps run on the device while the host goes on; where a log line is due the host waits for them first, so that the
    mean over the line's iterations is the time they really took.

    Says once where reading holds the devices back: where in most iterations they had done all their work before the
    next batch was there, and the host waited for batches for a tenth of the time or more.
    """

    priority = PRIORITIES["LOW"]

    def before_run(self, runner: Any) -> None:
        self.start = runner.clock.now()
        self.seconds, self.iterations = 0.0, 0
        self.reading = Reading()

    def before_epoch(self, runner: Any) -> None:
        self.start = runner.clock.now()

    def before_iter(self, runner: Any) -> None:
        waited = runner.clock.now() - self.start
        runner.log_buffer.update({"data_time": waited})
        if runner.mode == "train" and self.iterations:  # for the first, data workers have started
            self.reading.add(waited, all(_is_done(output) for output in jax.tree.leaves(runner.outputs)))

    def after_iter(self, runner: Any) -> None:
        if runner.mode == "val" or runner.log_is_due:
            jax.block_until_ready(runner.outputs)
        seconds = runner.clock.now() - self.start
        runner.log_buffer.update({"time": seconds})
        self.start += seconds
        if runner.mode == "train":
            if self.iterations and (found := self.reading.after(seconds)):
                runner.logger.warning("%s", found)
            # The first, for which data workers have started, counts only as long as it is the only one.
            self.seconds = seconds if self.iterations < 2 else self.seconds + seconds
            self.iterations += 1
            runner.seconds_per_iter = self.seconds / max(self.iterations - 1, 1)


def _is_done(output: Any) -> bool:
    return not isinstance(output, jax.Array) or output.is_ready()  # type: ignore[attr-defined]  # its stub lacks it


@dataclass
class _Minute:
    """Of training: iterations, those for whose batch the devices waited, and seconds."""

    iterations: int = 0
    idle: int = 0
    waited: float = 0.0
    seconds: float = 0.0


class Reading:
    """Whether the devices wait for batches: looked at each minute of training, said once."""

    def __init__(self) -> None:
        self._minute, self._said = _Minute(), False

    def add(self, waited: float, done: bool) -> None:
        """How long the host has waited for a batch, and whether the devices had done all their work by then."""
        self._minute.iterations += 1
        self._minute.idle += done
        self._minute.waited += waited

    def after(self, seconds: float) -> str | None:
        """How long that iteration took -> the message, where it is due."""
        minute = self._minute
        minute.seconds += seconds
        if minute.seconds < _LOOK:
            return None
        self._minute = _Minute()
        if self._said or minute.waited < minute.seconds / 10 or minute.idle <= minute.iterations / 2:
            return None
        self._said = True
        waited, whole = (1e3 * value / minute.iterations for value in (minute.waited, minute.seconds))
        return (
            f"reading holds the devices back: in {100 * minute.idle / minute.iterations:.0f} % of the iterations they "
            f"were done before the next batch was there; {waited:.1f} of {whole:.1f} ms an iteration went by waiting. "
            "docs/performance.md has what to do: more data.num_workers, packed pictures and more"
        )
