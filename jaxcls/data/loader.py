"""An iterator over batches that works ahead of its reader."""

from __future__ import annotations

import os
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from types import ModuleType
from typing import Any, Protocol

import cv2
from absl import logging

from jaxcls.data.worker_processes import WorkerProcesses
from jaxcls.errors import UserError

_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
READING_THREADS = min(4, _CORES)  # where no config says how many; more than there are cores hold up one another
_WAITING_BYTES, _MOST_WAITING = 8 * 2**20, 32  # placed batches that wait for the reader


class RandomAccess(Protocol):
    """Batches by number; they go on beyond `len()`, one epoch's steps, where `endless`."""

    @property
    def endless(self) -> bool: ...

    def __len__(self) -> int: ...

    def __getitem__(self, step: int) -> Any: ...


class Loader:
    """Batches in order, made by Grain's threads or by processes, and placed on the device by one more thread.

    An exception of a worker reaches the reader as it is. `close()`, or leaving the `with` block, ends all workers, also
    in the middle of an iteration.

    Args:
        batches: `TrainBatches` or `EvalBatches`.
        num_workers: threads or processes that make batches; 0: everything happens in the reader's thread.
        place: what to do with a batch before it is handed out: put it on the device.
        ahead: how many batches are placed before the reader asks for them. None: as many as take 8 MiB, at least 2 and
            at most 32. Small ones have to be many: where workers and short steps share the processors, a worker may get
            its next turn only after several steps.
        worker_type: `thread`, or `process`, which takes seconds to start (see `WorkerProcesses`).
    """

    def __init__(
        self,
        batches: RandomAccess,
        num_workers: int,
        place: Callable[[Any], Any] | None = None,
        ahead: int | None = None,
        worker_type: str = "thread",
    ) -> None:
        if num_workers < 0:
            raise UserError(f"num_workers={num_workers!r}: expected 0 or more")
        if worker_type not in ("thread", "process"):
            raise UserError(f"worker_type={worker_type!r}: expected thread or process")
        if num_workers:
            cv2.setNumThreads(0)  # OpenCV's own threads would compete with the workers
        self.batches, self.num_workers, self.place, self.ahead = batches, num_workers, place, ahead
        self._processes = WorkerProcesses(batches, num_workers) if num_workers and worker_type == "process" else None
        self._open: weakref.WeakSet[Generator[Any, None, None]] = weakref.WeakSet()

    def __len__(self) -> int:
        return len(self.batches)

    def iterate(self, start: int = 0, stop: int | None = None) -> Iterator[Any]:
        """The batches from `start` on, before `stop`; None: without an end in training, to `len()` in evaluation."""
        if stop is None:
            stop = 2**62 if self.batches.endless else len(self)
        iterator = self._in_reader(start, stop) if self.num_workers == 0 else self._ahead(start, stop)
        self._open.add(iterator)
        return iterator

    def close(self) -> None:
        """Ends the iterations that are under way."""
        for iterator in list(self._open):
            iterator.close()
        if self._processes is not None:
            self._processes.close()

    def __enter__(self) -> Loader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _in_reader(self, start: int, stop: int) -> Generator[Any, None, None]:
        for step in range(start, stop):
            yield self.place(self.batches[step]) if self.place else self.batches[step]

    def _ahead(self, start: int, stop: int) -> Generator[Any, None, None]:
        with closing(self._made(start, stop)) as host:
            yield from host if self.place is None else _placed(host, self.place, self.ahead)

    def _made(self, start: int, stop: int) -> Generator[Any, None, None]:
        buffered = self.num_workers + (self.ahead or 2)
        if self._processes is not None:
            return self._processes.iterate(start, stop, buffered)
        grain = _load_grain()
        options = grain.ReadOptions(num_threads=self.num_workers, prefetch_buffer_size=buffered)
        return _raising(grain.MapDataset.source(_Steps(self.batches, start, stop)).to_iter_dataset(options))


def _load_grain() -> ModuleType:
    """Grain; with a jaxlib before 0.11 it warns that its worker processes, of which there are none, have no profile."""
    level = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        import grain
    finally:
        logging.set_verbosity(level)
    return grain


class _Steps:
    """The steps from `start` to `stop` as a sequence of their own, for Grain.

    An exception becomes an item, since Grain would write into its message.
    """

    def __init__(self, batches: RandomAccess, start: int, stop: int) -> None:
        self._batches, self._steps = batches, range(start, stop)

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, index: int) -> Any:
        try:
            return self._batches[self._steps[index]]
        except Exception as error:
            return error


def _raising(dataset: Iterable[Any]) -> Generator[Any, None, None]:
    with closing(iter(dataset)) as items:  # type: ignore[type-var]
        for item in items:
            if isinstance(item, Exception):
                raise item
            yield item


def _placed(host: Iterator[Any], place: Callable[[Any], Any], ahead: int | None) -> Generator[Any, None, None]:
    """`place(batch)` of each batch, `ahead` of them in advance, in one thread; None: as many as their size allows."""

    def fetch() -> Any:
        batch = next(host, None)
        return None if batch is None else place(batch)

    with ThreadPoolExecutor(1, thread_name_prefix="place") as thread:
        pending = deque([thread.submit(fetch)])
        try:
            while (batch := pending.popleft().result()) is not None:
                ahead = ahead or _room(batch)
                while len(pending) < ahead:
                    pending.append(thread.submit(fetch))
                yield batch
        finally:
            for future in pending:
                future.cancel()


def _room(batch: Any) -> int:
    """How many batches like this one, a tree of arrays, wait where the user does not say."""
    import jax

    size = sum(leaf.nbytes for leaf in jax.tree.leaves(batch))
    return min(max(_WAITING_BYTES // max(size, 1), 2), _MOST_WAITING)
