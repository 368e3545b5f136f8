"""Batches made by processes of their own, for transforms that Python's lock would keep in line."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.shared_memory import SharedMemory
from typing import Any, TypeVar

import cv2
import numpy as np

from jaxcls.errors import UserError

T = TypeVar("T")
Shared = tuple[str, tuple[int, ...], str]  # a block's name, the array's shape and dtype
Made = tuple[dict[str, Shared], dict[int, str]]  # a batch, and the damaged images that the process has met

_batches: Any = None  # of a worker process


class WorkerProcesses:
    """Processes that start with the first batch and stay until `close()`.

    They are spawned, as JAX's threads forbid a fork: a script has to guard its start by `if __name__ == "__main__"`.

    Args:
        batches: a sequence of dicts of arrays, picklable.
        num_workers: processes.
    """

    def __init__(self, batches: Any, num_workers: int) -> None:
        self._batches, self._num_workers = batches, num_workers
        self._pool: ProcessPoolExecutor | None = None

    def iterate(self, start: int, stop: int, ahead: int) -> Generator[Any, None, None]:
        """The batches from `start` on, before `stop`, in order; up to `ahead` of them wait."""
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._num_workers, multiprocessing.get_context("spawn"), _start, (self._batches,)
            )
        pending: deque[Future[Made]] = deque()
        try:
            for step in range(start, min(start + ahead, stop)):
                pending.append(_ask_pool(self._pool.submit, _make, step))
            for step in range(start, stop):
                shared, damaged = _ask_pool(pending.popleft().result)
                taken = _take(shared)
                for index, message in damaged.items():
                    self._batches.dataset.note(index, message)
                if step + ahead < stop:
                    pending.append(_ask_pool(self._pool.submit, _make, step + ahead))
                yield taken
        finally:
            for future in pending:
                if not future.cancel():
                    future.add_done_callback(_discard)

    def close(self) -> None:
        """Ends the processes, after the batches that they are making."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


def _start(batches: Any) -> None:
    global _batches
    _batches = batches
    for number in (signal.SIGINT, signal.SIGTERM):  # which a terminal or a scheduler sends to the workers, too
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logging.getLogger("jaxcls").disabled = True  # the process that reads the batches says what is to say
    cv2.setNumThreads(0)  # OpenCV's own threads would compete with the workers


def _end_with_parent() -> None:
    """However the process that reads the batches ends, this one waits for no more work."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(0)


def _make(step: int) -> Made:
    shared = {key: _share(array) for key, array in _batches[step].items()}
    return shared, dict(_batches.dataset.damaged)


def _share(array: np.ndarray) -> Shared:
    block = SharedMemory(create=True, size=max(array.nbytes, 1))
    np.ndarray(array.shape, array.dtype, block.buf)[...] = array
    block.close()
    return block.name, array.shape, array.dtype.str


def _ask_pool(call: Callable[..., T], *arguments: Any) -> T:
    """What a call gives that asks the pool; that a process has died may show at any of them.

    Raises:
        UserError: it has.
    """
    try:
        return call(*arguments)
    except BrokenProcessPool as error:
        raise UserError(
            "a data worker process has died: memory ran out, or the script that started it is not guarded by "
            "if __name__ == '__main__'"
        ) from error


def _take(shared: dict[str, Shared]) -> dict[str, np.ndarray]:
    """The arrays, copied, since a device may read them long after the blocks are gone."""
    taken = {}
    for key, (name, shape, dtype) in shared.items():
        block = SharedMemory(name)
        taken[key] = np.ndarray(shape, dtype, block.buf).copy()
        block.close()
        block.unlink()
    return taken


def _discard(future: Future[Made]) -> None:
    if not future.cancelled() and future.exception() is None:
        _take(future.result()[0])
