"""The time that training takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Seconds; it stands still during what is no iteration's: compilation, evaluation."""

    def __init__(self) -> None:
        self._apart = 0.0

    def now(self) -> float:
        """Seconds since some moment of the past."""
        return time.perf_counter() - self._apart

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """The block takes no time."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._apart += time.perf_counter() - start
