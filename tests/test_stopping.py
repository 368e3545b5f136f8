"""Signals before a training runs and in the other commands: one line, at once, whatever the process is doing."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# what is busy in C never comes back to the interpreter, as XLA's compiler does not for long
RECIPE = """
import ctypes
print("ready", flush=True)
{}
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("busy", ["while True: pass", "ctypes.CDLL(None).pause(); ctypes.CDLL(None).pause()"])
def test_a_signal_ends_the_command_at_once(number, busy, tmp_path):
    (tmp_path / "mine.py").write_text(RECIPE.format(busy))
    command = [sys.executable, "train.py", f"--config={tmp_path}/mine.py", f"--workdir={tmp_path}/work"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        sent = time.monotonic()
        process.send_signal(number)
        try:
            _, error = process.communicate(timeout=30)
        finally:
            process.kill()
    assert time.monotonic() - sent < 10
    assert process.returncode == 128 + number
    assert error == f"{number.name}: stopped; there was nothing to save\n"
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("when", ["at its end", "in the interpreter's end"])
def test_a_command_that_is_complete_has_ended_well(number, when):
    code = f"""
import os, signal, time
from jaxcls import stopping

class Kill:
    def __del__(self, kill=os.kill, getpid=os.getpid, sleep=time.sleep):
        kill(getpid(), {number})
        sleep(0.5)

stopping.announce()
last = Kill()
stopping.complete()
if {when == "at its end"}:
    del last
    raise SystemExit("still there")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_signal_to_a_forked_child_leaves_the_command_alone():
    code = """
import os, signal, time
from jaxcls import stopping
stopping.announce()
ready, say = os.pipe()
child = os.fork()
if not child:
    os.write(say, b"1")
    time.sleep(20)
os.read(ready, 1)
os.kill(child, signal.SIGTERM)
assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGTERM
time.sleep(0.5)
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
