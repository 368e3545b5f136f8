"""One thread that runs the model on what has come in within a few milliseconds."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import NamedTuple

import numpy as np


class Item(NamedTuple):
    """An image that waits.

    Attributes:
        image: (H, W, C).
        scores: gets (K,).
        since: seconds of `time.monotonic`.
    """

    image: np.ndarray
    scores: Future[np.ndarray]
    since: float


class Batcher:
    """Puts single images together to batches, in the order in which they came.

    Args:
        score: n images -> scores (n, K); called in one thread alone.
        sizes: numbers of images that `score` is quick with, growing.
        window: seconds that an image waits for others, at most, while the model is free.
        observe: gets the size of each batch and the seconds that it took.
    """

    def __init__(
        self,
        score: Callable[[list[np.ndarray]], np.ndarray],
        sizes: Sequence[int],
        window: float,
        observe: Callable[[int, float], None],
    ) -> None:
        self._score, self._sizes, self._window, self._observe = score, sizes, window, observe
        self._waiting: deque[Item] = deque()
        self._changed, self._closed = threading.Condition(), False
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        """Images that wait."""
        return len(self._waiting)

    @property
    def is_alive(self) -> bool:
        """Whether images that are given now are going to be scored."""
        return self._thread.is_alive() and not self._closed

    def submit(self, image: np.ndarray) -> Future[np.ndarray]:
        """What gets the image's scores (K,)."""
        item = Item(image, Future(), time.monotonic())
        with self._changed:
            if self._closed:
                raise RuntimeError("closed")
            self._waiting.append(item)
            self._changed.notify()
        return item.scores

    def close(self) -> None:
        """Ends the thread after all that waits is scored."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while items := self._next():
            items = [item for item in items if item.scores.set_running_or_notify_cancel()]
            if items:
                self._answer(items)

    def _answer(self, items: list[Item]) -> None:
        start = time.monotonic()
        try:
            rows = self._score([item.image for item in items])
        except Exception as error:  # of one batch alone: the next one may do
            for item in items:
                item.scores.set_exception(error)
            return
        self._observe(len(items), time.monotonic() - start)
        for item, row in zip(items, rows, strict=True):
            item.scores.set_result(row)

    def _next(self) -> list[Item]:
        """The images of the next batch; none at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if not self._waiting:
                return []
            end = self._waiting[0].since + self._window
            full = self._sizes[-1]
            self._changed.wait_for(lambda: len(self._waiting) >= full or self._closed, max(end - time.monotonic(), 0))
            return [self._waiting.popleft() for _ in range(taken(len(self._waiting), self._sizes))]


def taken(count: int, sizes: Sequence[int]) -> int:
    """How many of `count` images go into the next batch: as many as fill one; the others wait for those that come.

    Args:
        count: at least 1.
        sizes: numbers of images that are compiled, growing.
    """
    return max((size for size in sizes if size <= count), default=count)
