"""Two processes on this machine, over gloo: python -m pytest -m slow tests/test_processes.py"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from jaxcls.command import INTERRUPTED
from tests.recipe import get_config as small_config

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent
CONFIG = f"--config={Path(__file__).resolve()}"


def get_config(variant=""):
    config = small_config()
    if variant == "workflow":
        config.workflow = [("train", 1), ("val", 1)]
    if variant.startswith("fsdp"):
        config.parallel = {"mode": "fsdp", "shards": 4 if variant == "fsdp-copies" else 8}
    config.runner.max_epochs = 2
    config.log_config.interval = 1
    return config


def start(workdir, *flags, devices=1, config=CONFIG):
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "JAX_PLATFORMS": "cpu",
        "PYTHONFAULTHANDLER": "1",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
    }
    return subprocess.Popen(
        [sys.executable, "train.py", config, f"--workdir={workdir}", *flags],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def start_two(workdir, *flags, devices=1, config=CONFIG):
    with socket.socket() as unused:
        unused.bind(("localhost", 0))
        port = unused.getsockname()[1]
    cluster = ("--multihost", f"--coordinator=localhost:{port}", "--num_processes=2")
    flags = (*cluster, *flags)
    return [start(workdir, f"--process_id={i}", *flags, devices=devices, config=config) for i in range(2)]


def finish(*processes, timeout=300):
    """Their statuses and what they said; the stacks of those that do not end are in the failure."""
    try:
        said = [process.communicate(timeout=timeout)[0] for process in processes]
    except subprocess.TimeoutExpired:
        for process in processes:
            process.send_signal(signal.SIGABRT)
        pytest.fail("\n".join(process.communicate()[0] for process in processes))
    return [process.returncode for process in processes], said


def lines(workdir, mode):
    *_, path = sorted(workdir.glob("*.log.json"))
    return [line for line in map(json.loads, path.read_text().splitlines()) if line.get("mode") == mode]


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("two") / "work"
    statuses, said = finish(*start_two(workdir, devices=4))
    assert statuses == [0, 0], said
    return workdir


@pytest.fixture(scope="module")
def one_of_eight(tmp_path_factory):
    """The losses of one process."""
    workdir = tmp_path_factory.mktemp("one") / "work"
    statuses, said = finish(start(workdir, devices=8))
    assert statuses == [0], said
    losses = [line["loss"] for line in lines(workdir, "train")]
    assert len(losses) == 46
    return losses


def test_two_processes_of_four_devices_train_as_one_of_eight(two, one_of_eight):
    losses = [line["loss"] for line in lines(two, "train")]
    assert len(losses) == 46
    np.testing.assert_allclose(losses[:10], one_of_eight[:10], rtol=1e-4)


@pytest.mark.parametrize("variant", ["fsdp", "fsdp-copies"])
def test_parameters_in_parts_over_two_processes_and_whole_again_in_one(variant, one_of_eight, tmp_path):
    """Over all eight devices, or a copy in each process; what they save is evaluated on one, continued on two."""
    statuses, said = finish(*start_two(tmp_path / "work", devices=4, config=f"{CONFIG}:{variant}"))
    assert statuses == [0, 0], said
    losses = [line["loss"] for line in lines(tmp_path / "work", "train")]
    assert len(losses) == 46
    np.testing.assert_allclose(losses[:10], one_of_eight[:10], rtol=1e-4)
    logged = lines(tmp_path / "work", "val")[-1]["accuracy_top-1"]
    assert evaluate(tmp_path / "work" / "checkpoints" / "2")["accuracy_top-1"] == logged
    statuses, said = finish(start(tmp_path / "work", "--resume", "--config.runner.max_epochs=3", devices=2))
    assert statuses == [0], said
    assert lines(tmp_path / "work", "train")[-1]["epoch"] == 3


def evaluate(checkpoint, *flags, devices=1):
    done = subprocess.run(
        [sys.executable, "evaluate.py", f"--ckpt={checkpoint}", "--metrics=accuracy,support", *flags],
        cwd=ROOT, env={**os.environ, "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def test_evaluation_by_two_processes_is_that_of_any_devices_and_batches(two, tmp_path):
    logged = {name: value for name, value in lines(two, "val")[-1].items() if name.startswith("accuracy")}
    scores = []
    for devices in (1, 8):
        for batch in (1, 7, 64, 1000):
            file = tmp_path / f"{devices}_{batch}.npz"
            flags = (f"--config.data.batch_size={batch}", f"--out={file}")
            assert evaluate(two / "checkpoints" / "2", *flags, devices=devices) == {**logged, "support": 360}
            with np.load(file) as saved:
                scores.append(saved["class_scores"])
    for found in scores[1:]:
        np.testing.assert_allclose(found, scores[0], rtol=0, atol=1e-5)


def test_validation_in_the_workflow_counts_the_images_of_both(tmp_path):
    processes = start_two(tmp_path / "work", "--config.runner.max_epochs=1", config=f"{CONFIG}:workflow")
    statuses, said = finish(*processes)
    assert statuses == [0, 0], said
    evaluation, *_, validation = lines(tmp_path / "work", "val")
    np.testing.assert_allclose(validation["loss"], evaluation["loss"], atol=2e-5)


def running(workdir):
    """Two processes that have trained for an epoch and would go on for a long time."""
    processes = start_two(workdir, "--config.runner.max_epochs=100000", "--config.evaluation.interval=1000")
    end = time.monotonic() + 120
    while not any((workdir / "checkpoints").glob("[0-9]")):
        assert time.monotonic() < end
        time.sleep(0.2)
    return processes


@pytest.mark.parametrize("victim", [0, 1])
def test_a_process_that_dies_ends_the_other_and_half_of_the_devices_go_on(tmp_path, victim):
    workdir = tmp_path / "work"
    processes = running(workdir)
    processes[victim].send_signal(signal.SIGKILL)
    statuses, said = finish(*processes, timeout=60)
    assert statuses[victim] == -signal.SIGKILL
    assert statuses[1 - victim] not in (0, INTERRUPTED), said
    epochs = max(int(folder.name) for folder in (workdir / "checkpoints").glob("[0-9]*") if folder.name.isdigit())
    statuses, said = finish(start(workdir, "--resume", f"--config.runner.max_epochs={epochs + 1}"))
    assert statuses == [0], said
    assert f"from checkpoint {epochs}" in said[0]
    assert lines(workdir, "train")[-1]["epoch"] == epochs + 1


@pytest.mark.parametrize(("victim", "number"), [(0, signal.SIGTERM), (1, signal.SIGINT)])
def test_a_signal_to_one_stops_both_at_the_same_step(tmp_path, victim, number):
    workdir = tmp_path / "work"
    processes = running(workdir)
    processes[victim].send_signal(number)
    statuses, said = finish(*processes, timeout=60)
    assert statuses == [INTERRUPTED] * 2, said
    (folder,) = (workdir / "interrupted").iterdir()
    epochs = int(folder.name) // 23 + 1
    statuses, said = finish(*start_two(workdir, "--resume", f"--config.runner.max_epochs={epochs}"))
    assert statuses == [0, 0], said
    assert f"from checkpoint {folder.name}" in said[0]


def test_a_mistake_ends_all(tmp_path):
    statuses, said = finish(*start_two(tmp_path / "work", "--config.data.batch_size=63"), timeout=120)
    assert statuses == [1, 1]
    assert "data.batch_size: 63 does not split over 2 devices" in said[0]


def test_a_cluster_that_nothing_tells_of():
    statuses, said = finish(start("unused", "--multihost"))
    assert statuses == [1]
    assert "--multihost: " in said[0]
    assert "give --coordinator=HOST:PORT, --num_processes and --process_id" in said[0]
