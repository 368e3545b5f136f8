"""A signal in each phase of a training: a word at once, one line at the end, and a status that tells what is left."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jaxcls.command import INTERRUPTED
from tests.engine import tiny
from tests.engine.runner.phases import SECONDS

ROOT = Path(__file__).resolve().parents[3]
NOTHING, SAVED = "stopped before the first step; nothing is saved", "stopped at epoch 1, iteration"


def signalled(workdir, phase, numbers, *flags):
    """(status, lines after the first signal, seconds to the first of them) of a run that gets signals in a phase."""
    command = [sys.executable, "train.py", f"--config=tests/engine/runner/phases.py:{phase}", f"--workdir={workdir}"]
    options = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=1"  # the last one counts
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XLA_FLAGS": options}
    with subprocess.Popen(
        [*command, *flags], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            before = list(itertools.takewhile(lambda line: line != "ready\n", process.stderr))
            assert process.poll() is None, "".join(before)
            begin = time.monotonic()
            process.send_signal(numbers[0])
            said = [process.stderr.readline()]
            seconds = time.monotonic() - begin
            for number in numbers[1:]:
                process.send_signal(number)
            said += process.communicate(timeout=120)[1].splitlines(keepends=True)
        finally:
            process.kill()
    return process.returncode, [line for line in said if line], seconds


@pytest.mark.parametrize(
    ("phase", "number", "status", "last"),
    [
        ("compiling", signal.SIGINT, 130, NOTHING),
        pytest.param("compiling", signal.SIGTERM, 143, NOTHING, marks=pytest.mark.slow),
        *(
            pytest.param(phase, number, INTERRUPTED, SAVED, marks=pytest.mark.slow)
            for phase in ("after_train_iter", "saving", "evaluation", "after_train_epoch")
            for number in (signal.SIGINT, signal.SIGTERM)
        ),
        pytest.param("before_run", signal.SIGTERM, 143, NOTHING, marks=pytest.mark.slow),
        pytest.param("before_train_iter", signal.SIGTERM, 143, NOTHING, marks=pytest.mark.slow),
        *(
            pytest.param("after_run", number, 0, "", marks=pytest.mark.slow)
            for number in (signal.SIGINT, signal.SIGTERM)
        ),
    ],
)
def test_a_signal(tmp_path, phase, number, status, last):
    found, said, seconds = signalled(tmp_path / "work", phase, [number])
    assert found == status, "".join(said)
    assert seconds < SECONDS / 2
    assert f"{number.name}: the run stops as soon as it can; a second signal ends it at once" in said[0]
    assert "Traceback" not in "".join(said)
    assert said[-1].startswith(f"{number.name}: {last}" if last else "")
    if status == INTERRUPTED:
        assert len(list((tmp_path / "work" / "interrupted").iterdir())) == 1


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["data", "building"])
def test_a_signal_before_a_run(tmp_path, phase):
    found, said, seconds = signalled(tmp_path / "work", phase, [signal.SIGINT])
    assert (found, said) == (130, ["SIGINT: stopped; there was nothing to save\n"])
    assert seconds < SECONDS / 2
    assert not (tmp_path / "work").exists()
    tiny.train(tmp_path / "work", runner={"max_epochs": 1})
    found, said, _ = signalled(tmp_path / "work", phase, [signal.SIGTERM], "--resume")
    assert (found, said) == (INTERRUPTED, ["SIGTERM: stopped; continue with --resume\n"])


@pytest.mark.slow
def test_a_continued_run_that_compiles_can_be_continued(tmp_path):
    tiny.train(tmp_path / "work", runner={"max_epochs": 1})
    found, said, seconds = signalled(tmp_path / "work", "compiling", [signal.SIGTERM], "--resume")
    assert (found, seconds < SECONDS / 2) == (INTERRUPTED, True), "".join(said)
    assert said[-1] == "SIGTERM: stopped before the first step; continue with --resume\n"


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["after_train_iter", "evaluation", "saving"])
def test_a_second_signal_ends_the_run_at_once(tmp_path, phase):
    begin = time.monotonic()
    found, said, _ = signalled(tmp_path / "work", phase, [signal.SIGINT, signal.SIGINT])
    assert found in (-signal.SIGINT, 128 + signal.SIGINT), "".join(said)
    assert found < 0 or said[-1] == "SIGINT: ended at once\n"
    assert "Traceback" not in "".join(said)
    assert time.monotonic() - begin < 60
