"""Runs that are killed in every way: each one, continued, ends as if nothing had happened.

python -m pytest -m slow tests/test_faults.py
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from flax import traverse_util

from jaxcls.command import INTERRUPTED
from jaxcls.engine.checkpoints.storage import numbered, restore_checkpoint
from tests.recipe import get_config as small_config

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent
COMMAND = [sys.executable, "train.py", f"--config={Path(__file__).resolve()}"]
TIMES = ("time", "data_time", "memory")


def get_config():
    """The runs' recipe: several log lines an epoch, averages, a validation workflow."""
    config = small_config()
    config.runner.max_epochs = 12
    config.checkpoint_config.max_keep_ckpts = 3
    config.log_config.interval = 5
    config.ema = {"momentum": 0.01, "statistics": True}
    config.workflow = [("train", 2), ("val", 1)]
    return config


def start(workdir, *flags):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XLA_FLAGS": ""}
    return subprocess.Popen(
        [*COMMAND, f"--workdir={workdir}", *flags],
        cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finish(workdir):
    """Continues a run to its end; what it said."""
    process = start(workdir, "--resume")
    said = process.communicate(timeout=300)[1]
    assert process.returncode == 0, said
    return said


def log_lines(workdir):
    """The JSON log without times and without what describes a start.

    A start that saved nothing leaves a log of its own, older than that of the run that began anew.
    """
    path = max(workdir.glob("*.log.json"))
    lines = map(json.loads, path.read_text().splitlines())
    return [{key: value for key, value in line.items() if key not in TIMES} for line in lines if "mode" in line]


def outcome(workdir):
    arrays, _ = restore_checkpoint(numbered(workdir / "checkpoints")[-1])
    return traverse_util.flatten_dict(arrays), log_lines(workdir), json.loads((workdir / "best.json").read_text())


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The run that is never stopped: its work directory, and the seconds that it took."""
    workdir, begin = tmp_path_factory.mktemp("reference") / "work", time.monotonic()
    finish(workdir)
    return workdir, time.monotonic() - begin


def assert_same(workdir, reference):
    """Bit for bit: parameters, statistics, optimiser state, averages, counts; log values; the best score."""
    (arrays, lines, best), (expected, expected_lines, expected_best) = outcome(workdir), outcome(reference)
    assert arrays.keys() == expected.keys()
    differing = [".".join(name) for name, value in expected.items() if not np.array_equal(arrays[name], value)]
    assert not differing
    assert lines == expected_lines
    assert best == expected_best


def stop(workdir, seconds, number, while_saving=False, epoch=0):
    """Starts a run and sends it a signal some time after an epoch, or as soon as it writes a checkpoint after that."""
    process, folder = start(workdir), workdir / "checkpoints"
    while process.poll() is None and epoch > max((int(path.name) for path in numbered(folder)), default=0):
        time.sleep(0.01)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        while while_saving and process.poll() is None and not any(folder.glob("*.orbax-checkpoint-tmp*")):
            time.sleep(0.0005)
        process.send_signal(number)
    said = process.communicate(timeout=300)[1]
    return process.returncode, said


@pytest.mark.parametrize("seed", range(20))
def test_sigkill_at_any_moment(reference, tmp_path, seed):
    """Every other one comes while a checkpoint is being written."""
    seconds = random.Random(seed).uniform(0.3, 1.0) * reference[1]
    stop(tmp_path / "work", seconds, signal.SIGKILL, while_saving=seed % 2 == 0)
    finish(tmp_path / "work")
    assert_same(tmp_path / "work", reference[0])


@pytest.mark.parametrize("seed", range(5))
def test_sigterm_saves_and_ends_with_a_status_of_its_own(reference, tmp_path, seed):
    workdir, choose = tmp_path / "work", random.Random(100 + seed)
    status, said = stop(workdir, choose.uniform(0, 0.2), signal.SIGTERM, epoch=choose.randint(1, 8))
    assert status == INTERRUPTED, said
    assert "SIGTERM: stopped at epoch" in said
    assert len(numbered(workdir / "interrupted")) == 1
    finish(workdir)
    assert_same(workdir, reference[0])


def truncated(folder):
    largest = max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    os.truncate(largest, largest.stat().st_size // 2)


def bit_flipped(folder):
    path = random.choice(sorted(path for path in folder.glob("*/**/*") if path.is_file() and path.stat().st_size))
    content = bytearray(path.read_bytes())
    content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    path.write_bytes(content)


def emptied(folder):
    shutil.rmtree(folder)
    folder.mkdir()


@pytest.mark.parametrize("damage", [truncated, bit_flipped, emptied])
def test_the_checkpoint_before_a_damaged_one(reference, tmp_path, damage):
    workdir = tmp_path / "work"
    shutil.copytree(reference[0], workdir)
    folder = numbered(workdir / "checkpoints")[-1]
    damage(folder)
    assert f"checkpoint {folder} cannot be read" in finish(workdir)
    assert (workdir / "damaged" / f"checkpoints-{folder.name}").exists()
    assert_same(workdir, reference[0])
