from __future__ import annotations

import os
import signal
import threading

import pytest

from jaxcls.engine.runner.interruption import Interruption


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_is_noted_and_the_second_would_end_the_process(number):
    before = signal.getsignal(number)
    with Interruption() as interruption:
        assert not interruption.requested()
        os.kill(os.getpid(), number)
        assert interruption.agreed(1)
        assert interruption.name == signal.Signals(number).name
        assert interruption.status == 128 + number
        assert signal.getsignal(signal.SIGTERM) == signal.getsignal(signal.SIGINT) == signal.SIG_DFL
    assert signal.getsignal(number) == before


def test_other_threads_leave_the_handlers_alone():
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def run():
        with Interruption() as interruption:
            seen.append((signal.getsignal(signal.SIGTERM), interruption.requested()))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [(before, False)]
