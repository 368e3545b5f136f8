"""SIGINT and SIGTERM where nothing has to be saved: a word, and the end, at once."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def announce() -> None:
    """From now on either signal ends the process with one line and the status 130 or 143, whatever it is doing.

    A handler of Python's runs only when the main thread is back in the interpreter, which may take XLA's compiler a
    minute. So the signal's number goes through a socket to another thread. Where something puts handlers of its own
    in place, as a training run does, they get the signals.
    """
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    for number in SIGNALS:
        signal.signal(number, _left_to_the_thread)
    os.register_at_fork(after_in_child=_forget)  # a child shares the socket: its signals would end the parent
    signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_wait, args=(receiver, sender), daemon=True, name="signals").start()


def _left_to_the_thread(number: int, frame: FrameType | None) -> None:
    pass


def _forget() -> None:
    signal.set_wakeup_fd(-1)
    for number in SIGNALS:
        if signal.getsignal(number) is _left_to_the_thread:
            signal.signal(number, signal.SIG_DFL)


def _wait(receiver: socket.socket, sender: socket.socket) -> None:
    """Ends the process at a signal; holds both ends of the socket."""
    while data := receiver.recv(1):
        if signal.getsignal(data[0]) is _left_to_the_thread:
            print(f"{signal.Signals(data[0]).name}: stopped; there was nothing to save", file=sys.stderr, flush=True)
            sys.stdout.flush()
            os._exit(128 + data[0])
