"""SIGTERM and SIGINT as a wish to stop at the next whole step."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Any

import jax
from jax.experimental import multihost_utils

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interrupted(KeyboardInterrupt):
    """The run was asked to stop; all that a continuation needs is saved.

    Not an `Exception`, so that nothing on the way takes it for a failure.
    """


class Interruption:
    """Notes the first SIGTERM or SIGINT; a second one ends the process at once.

    With several processes, JAX's coordination service passes a SIGTERM of one on to all, and they agree on the
    iteration after which to stop; SIGINT counts as SIGTERM there.
    """

    def __init__(self) -> None:
        self.name: str | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            caught = SIGNALS if jax.process_count() == 1 else (signal.SIGINT,)
            self._before = {number: signal.signal(number, self._note) for number in caught}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        for caught in self._before:
            signal.signal(caught, signal.SIG_DFL)
        if jax.process_count() > 1:
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            self.name = signal.Signals(number).name

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
