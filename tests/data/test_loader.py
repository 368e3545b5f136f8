import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from jaxcls.data.pipeline import Dataset, EvalBatches, Loader, TrainBatches
from jaxcls.data.sources.base import Source
from jaxcls.data.transforms import RandAugment, RandomCrop, RandomErasing, RandomFlip
from jaxcls.data.worker_processes import WorkerProcesses
from jaxcls.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


class Ramps(Source):
    def __init__(self, damaged=None):
        self.classes, self._damaged = ("a", "b"), damaged

    @property
    def labels(self):
        return np.zeros(50, np.int32)

    def __len__(self):
        return 50

    def __getitem__(self, index):
        if index == self._damaged:
            raise UserError("picture 33 is damaged")
        return {"image": np.arange(index, index + 64, dtype=np.uint8).reshape(8, 8, 1), "label": index % 2}


DATASET = Dataset(Ramps(), (RandomCrop(8, padding=4), RandomFlip()))
TRAIN = TrainBatches(DATASET, 16, seed=0)
EVAL = EvalBatches(DATASET, 16)
AUGMENT = RandAugment("timm_increasing", num_policies=2, magnitude_level=9, magnitude_std=0.5, total_level=10)
AUGMENTED = TrainBatches(Dataset(Ramps(), (*DATASET.transforms, AUGMENT, RandomErasing(mode="rand"))), 16, seed=3)


def read(batches, num_workers, start=0, stop=None, **options):
    with Loader(batches, num_workers, **options) as loader:
        return list(islice(loader.iterate(start, stop), 20))


def assert_equal(left, right):
    assert len(left) == len(right)
    for a, b in zip(left, right, strict=True):
        assert a.keys() == b.keys()
        for key in a:
            np.testing.assert_array_equal(a[key], b[key])


@pytest.fixture
def no_thread_left():
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 10
    while (left := set(threading.enumerate()) - before) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not left


@pytest.mark.usefixtures("no_thread_left")
@pytest.mark.parametrize("num_workers", [0, 2, 4])
@pytest.mark.parametrize("place", [None, dict], ids=["host", "placed"])
def test_batches_do_not_depend_on_the_threads(num_workers, place):
    assert_equal(read(TRAIN, num_workers, place=place), [TRAIN[step] for step in range(20)])
    assert_equal(read(EVAL, num_workers, place=place), list(EVAL))


@pytest.mark.parametrize("num_workers", [0, 2])
def test_resuming_in_the_middle(num_workers):
    assert_equal(read(TRAIN, num_workers, start=7), [TRAIN[step] for step in range(7, 27)])
    assert_equal(read(TRAIN, num_workers, 7, 9, place=dict), [TRAIN[7], TRAIN[8]])
    assert_equal(read(EVAL, num_workers, start=2), [EVAL[2], EVAL[3]])
    assert read(EVAL, num_workers, start=4) == []


def test_length_is_an_epoch():
    assert len(Loader(TRAIN, 0)) == len(Loader(EVAL, 2)) == 4


@pytest.mark.usefixtures("no_thread_left")
@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("place", [None, dict], ids=["host", "placed"])
def test_errors_reach_the_reader_as_they_are(num_workers, place):
    batches = EvalBatches(Dataset(Ramps(damaged=33)), 16)
    with Loader(batches, num_workers, place) as loader:
        iterator = loader.iterate()
        assert_equal(list(islice(iterator, 2)), [batches[0], batches[1]])
        with pytest.raises(UserError, match=r"\Apicture 33 is damaged\Z"):
            next(iterator)


@pytest.mark.usefixtures("no_thread_left")
def test_errors_of_place_reach_the_reader():
    def place(batch):
        raise MemoryError("device full")

    with Loader(TRAIN, 2, place) as loader, pytest.raises(MemoryError, match="device full"):
        next(loader.iterate())


@pytest.mark.usefixtures("no_thread_left")
@pytest.mark.parametrize("place", [None, dict], ids=["host", "placed"])
def test_abandoning_ends_the_threads(place):
    with Loader(TRAIN, 2, place) as loader:
        iterator = loader.iterate()
        next(iterator)
    with pytest.raises(StopIteration):
        next(iterator)
    del loader
    dropped = Loader(TRAIN, 2, place).iterate()
    next(dropped)
    del dropped


def test_place_runs_ahead_in_one_thread():
    threads, placed = set(), []

    def place(batch):
        threads.add(threading.current_thread())
        placed.append(batch)
        return batch

    with Loader(TRAIN, 2, place, ahead=3) as loader:
        iterator = loader.iterate()
        next(iterator)
        deadline = time.monotonic() + 10
        while len(placed) < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)
        assert len(placed) == 4  # the one handed out and three that wait
        assert len(threads) == 1
        assert threading.current_thread() not in threads


@pytest.mark.parametrize(("side", "count"), [(8, 32), (256, 7), (1024, 2)])
def test_more_small_batches_wait(side, count):
    class Blank(Ramps):
        def __getitem__(self, index):
            return {"image": np.zeros((side, side, 1), np.uint8), "label": 0}

    placed = []
    with Loader(TrainBatches(Dataset(Blank()), 16, seed=0), 1, lambda batch: placed.append(0) or batch) as loader:
        iterator = loader.iterate()
        next(iterator)
        deadline = time.monotonic() + 10
        while len(placed) <= count and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)
        assert len(placed) == 1 + count  # the one handed out and those that wait


def test_no_noise_at_exit(tmp_path):
    script = tmp_path / "abandon.py"
    script.write_text(
        "import test_loader\n"
        "loader = test_loader.Loader(test_loader.TRAIN, 2, dict)\n"
        "iterator = loader.iterate()\n"
        "next(iterator)\n"
    )
    run = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([os.path.dirname(__file__), *sys.path])},
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_refuses_a_negative_number_of_workers():
    with pytest.raises(UserError, match="num_workers=-1: expected 0 or more"):
        Loader(TRAIN, -1)


def test_random_augmentations_do_not_depend_on_the_threads():
    assert_equal(read(AUGMENTED, 4), [AUGMENTED[step] for step in range(20)])


def shared_blocks():
    return set(Path("/dev/shm").glob("psm_*"))


@pytest.mark.parametrize("num_workers", [2, 4])
def test_processes_make_the_same_batches_and_leave_nothing(num_workers):
    before, blocks = set(multiprocessing.active_children()), shared_blocks()
    with Loader(AUGMENTED, num_workers, dict, worker_type="process") as loader:
        assert_equal(list(islice(loader.iterate(), 20)), [AUGMENTED[step] for step in range(20)])
        started = set(multiprocessing.active_children()) - before
        assert_equal(list(islice(loader.iterate(7), 5)), [AUGMENTED[step] for step in range(7, 12)])  # and abandoned
        assert_equal(list(loader.iterate(3, 5)), [AUGMENTED[3], AUGMENTED[4]])
        assert set(multiprocessing.active_children()) - before == started
    assert set(multiprocessing.active_children()) == before
    left, deadline = shared_blocks() - blocks, time.monotonic() + 20
    while left and time.monotonic() < deadline:  # other processes make blocks, too, which do not stay
        time.sleep(0.05)
        left &= shared_blocks()
    assert not left


class Deadly(Ramps):
    def __getitem__(self, index):
        if index == 40:
            os._exit(1)
        return super().__getitem__(index)


def test_a_process_that_dies_is_reported():
    batches = EvalBatches(Dataset(Deadly()), 16)
    with Loader(batches, 1, worker_type="process") as loader, pytest.raises(UserError, match="worker process has died"):
        list(loader.iterate())


def test_a_process_that_dies_between_two_batches_is_reported_too():
    processes = WorkerProcesses(EvalBatches(Dataset(Deadly()), 16), 1)
    list(processes.iterate(0, 1, ahead=1))
    (worker,) = multiprocessing.active_children()
    worker.kill()
    worker.join()
    time.sleep(0.5)  # the pool notices
    with pytest.raises(UserError, match="worker process has died"):
        list(processes.iterate(0, 2, ahead=1))
    processes.close()


READER = """
import multiprocessing, os
from jaxcls.data.pipeline import Loader
from tests.data.test_loader import TRAIN
if __name__ == "__main__":
    batches = Loader(TRAIN, 1, worker_type="process").iterate()
    next(batches)
    print(*[child.pid for child in multiprocessing.active_children()], flush=True)
    input()
    for _ in range(40):
        next(batches)
    print("read", flush=True)
    input()
"""


def test_signals_are_for_the_process_that_reads_and_its_end_is_the_workers(tmp_path):
    """A terminal's Ctrl-C and a scheduler's SIGTERM go to all processes of a group."""
    (tmp_path / "reader.py").write_text(READER)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, tmp_path / "reader.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as reader:
        workers = [int(pid) for pid in reader.stdout.readline().split()]
        assert len(workers) == 1
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(workers[0], number)
        reader.stdin.write("\n")
        reader.stdin.flush()
        assert reader.stdout.readline() == "read\n"
        reader.kill()
    deadline = time.monotonic() + 20
    while is_running(workers[0]) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not is_running(workers[0])


def is_running(pid):
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_errors_of_processes_reach_the_reader():
    batches = EvalBatches(Dataset(Ramps(damaged=33)), 16)
    with Loader(batches, 2, worker_type="process") as loader:
        iterator = loader.iterate()
        assert_equal(list(islice(iterator, 2)), [batches[0], batches[1]])
        with pytest.raises(UserError, match=r"\Apicture 33 is damaged\Z"):
            next(iterator)


def test_refuses_another_worker_type():
    with pytest.raises(UserError, match="worker_type='fibre': expected thread or process"):
        Loader(AUGMENTED, 2, worker_type="fibre")
