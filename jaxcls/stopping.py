"""SIGINT and SIGTERM: heard at once, whatever the main thread is doing.

A handler of Python's runs when the main thread is back in the interpreter, and XLA's compiler may keep it for a minute.
So the signals' numbers go through a socket to another thread, too.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn, TypeVar

SIGNALS = (signal.SIGINT, signal.SIGTERM)
# the status of a run that a signal stopped and that can be continued: EX_TEMPFAIL of sysexits.h
INTERRUPTED = 75

_T = TypeVar("_T")
_announced: Callable[[], None] | None = None
_continuable = False
_complete = False
_compiling: threading.Thread | None = None


def listen(signals: Sequence[signal.Signals], hear: Callable[[signal.Signals], None]) -> Callable[[], None]:
    """From now on another thread calls `hear` for each of the signals; to be called in the main thread.

    Args:
        signals: they need handlers of Python's, which may do nothing.
        hear: takes the signal.

    Returns:
        what ends that; who listened before hears them again.
    """
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    before = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)

    def run() -> None:
        while data := receiver.recv(1):
            if data[0] in signals:
                hear(signal.Signals(data[0]))

    def end() -> None:
        signal.set_wakeup_fd(before)
        sender.close()
        thread.join()
        receiver.close()

    thread = threading.Thread(target=run, daemon=True, name="signals")
    thread.start()
    return end


def announce() -> None:
    """From now on either signal ends the process with one line and the status 130 or 143, whatever it is doing.

    Where something puts handlers of its own in place, as a training run does, they get the signals.
    """
    global _announced, _complete
    _complete = False
    for number in SIGNALS:
        signal.signal(number, _left_to_the_thread)
    os.register_at_fork(after_in_child=_forget)  # a child shares the socket: its signals would end the parent
    _announced = listen(SIGNALS, _end)  # kept, as the socket would be closed otherwise
    atexit.register(_ignore)


def complete() -> None:
    """The command has done its work: from now on a signal ends the process with the status 0."""
    global _complete
    _complete = True


def _ignore() -> None:
    """The interpreter gives the signals' defaults back before it ends, but leaves ignored ones as they are."""
    for number in SIGNALS:
        if signal.getsignal(number) is _left_to_the_thread:
            signal.signal(number, signal.SIG_IGN)


def _left_to_the_thread(number: int, frame: FrameType | None) -> None:
    pass


def _forget() -> None:
    signal.set_wakeup_fd(-1)
    for number in SIGNALS:
        if signal.getsignal(number) is _left_to_the_thread:
            signal.signal(number, signal.SIG_DFL)


def _end(number: signal.Signals) -> None:
    if signal.getsignal(number) is _left_to_the_thread:
        if _complete:
            leave_at_once(0)
        left = "continue with --resume" if _continuable else "there was nothing to save"
        print(f"{number.name}: stopped; {left}", file=sys.stderr, flush=True)
        leave_at_once(INTERRUPTED if _continuable else 128 + number)


@contextmanager
def continuable(is_so: bool) -> Iterator[None]:
    """Within the block a signal's line and status say that there is something to continue, if there is."""
    global _continuable
    _continuable = is_so
    try:
        yield
    finally:
        _continuable = False


def hearing(call: Callable[[], _T], check: Callable[[], None]) -> _T:
    """`call()`, which may compile; in a command `check()` is called meanwhile, and may raise to leave it alone.

    The call then has a thread of its own, without what a caller may have set for this one
    (`jax.default_matmul_precision`): so only commands do that.
    """
    global _compiling
    if _announced is None or threading.current_thread() is not threading.main_thread():
        return call()
    outcome: Future[_T] = Future()

    def run() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:
            outcome.set_exception(error)

    _compiling = threading.Thread(target=run, daemon=True, name="compile")
    _compiling.start()
    while not outcome.done():
        check()
        wait((outcome,), timeout=0.1)
    return outcome.result()


def leave(status: int) -> NoReturn:
    """Ends the process; at once where a thread compiles, upon which the interpreter's ordered end would crash."""
    if _compiling is not None and _compiling.is_alive():
        leave_at_once(status)
    sys.exit(status)


def leave_at_once(status: int) -> NoReturn:
    """Ends the process from any thread."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
