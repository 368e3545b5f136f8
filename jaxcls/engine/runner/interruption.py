"""SIGTERM and SIGINT as a wish to stop at the next whole step."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import jax
from jax.experimental import multihost_utils

from jaxcls.engine.log import get_logger
from jaxcls.stopping import INTERRUPTED, SIGNALS, leave_at_once, listen


class Interrupted(KeyboardInterrupt):
    """The run was asked to stop, and has saved what a continuation needs.

    Not an `Exception`, so that nothing on the way takes it for a failure.

    Attributes:
        status: what a command ends with: 75 where there is something to continue, else 128 and the signal's number.
    """

    def __init__(self, message: str, status: int = INTERRUPTED) -> None:
        super().__init__(message)
        self.status = status


class Interruption:
    """Notes the first SIGTERM or SIGINT, with a word at once; a second one ends the process at once.

    With several processes, JAX's coordination service passes a SIGTERM of one on to all, and they agree on the
    iteration after which to stop; SIGINT counts as SIGTERM there.
    """

    def __init__(self) -> None:
        self.name: str | None = None
        self._before: dict[signal.Signals, Any] = {}
        self._heard = 0

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            caught = SIGNALS if jax.process_count() == 1 else (signal.SIGINT,)
            self._end_listening: Callable[[], None] = listen(caught, self._hear)
            self._before = {number: signal.signal(number, self._note) for number in caught}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._before:
            self._end_listening()
        self._before = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        """In the main thread, as soon as it is back in the interpreter."""
        for caught in self._before:
            signal.signal(caught, signal.SIG_DFL)
        if jax.process_count() > 1:
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            self.name = signal.Signals(number).name

    def _hear(self, number: signal.Signals) -> None:
        """In another thread, at once."""
        self._heard += 1
        if self._heard == 1:
            get_logger().warning("%s: the run stops as soon as it can; a second signal ends it at once", number.name)
        else:
            print(f"{number.name}: ended at once", file=sys.stderr, flush=True)
            leave_at_once(128 + number)

    @property
    def status(self) -> int:
        """What a process ends with that the signal has ended."""
        return 128 + signal.Signals[self.name or "SIGTERM"]

    def requested(self) -> bool:
        """Whether this process, being the only one, was asked to stop."""
        return self.name is not None

    def agreed(self, step: int) -> bool:
        """Whether to stop after iteration `step`; with several processes, all get the same answer.

        To be asked after each iteration.
        """
        if jax.process_count() > 1 and multihost_utils.reached_preemption_sync_point(step):
            self.name = "SIGTERM"
        return self.requested()
