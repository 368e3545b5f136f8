"""Images that come out of the pipeline the same each time are made once, and nothing else changes."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from jaxcls.data import batches as batches_module
from jaxcls.data.batches import EvalBatches, TrainBatches
from jaxcls.data.dataset import Dataset
from jaxcls.data.sources.base import Source
from jaxcls.data.sources.labels import Relabelled
from jaxcls.data.sources.wrappers import RepeatDataset
from jaxcls.data.transforms import RandomFlip, Resize


class Counted(Source):
    """23 images of 6x5 pixels that count how often they are read."""

    classes = ("a", "b", "c")

    def __init__(self, in_memory=True, length=23):
        self.in_memory, self.reads = in_memory, 0
        self.images = np.random.default_rng(3).integers(0, 256, (length, 6, 5, 1), np.uint8)

    @property
    def labels(self):
        return np.arange(len(self), dtype=np.int32) % 3

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        self.reads += 1
        return {"image": self.images[index], "label": index % 3}


def dataset(source, *transforms):
    return Dataset(source, (Resize(8), *transforms))


def assert_equal(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert one[name].dtype == other[name].dtype
        np.testing.assert_array_equal(one[name], other[name])


def test_each_image_is_made_once_and_batches_are_as_without():
    kept, plain = Counted(), Counted(in_memory=False)
    batches, expected = (TrainBatches(dataset(source), 8, seed=5) for source in (kept, plain))
    for step in [7, 0, 1, 2, 3, 4, 5, 6]:  # a run may begin anywhere
        assert_equal(batches[step], expected[step])
    assert (kept.reads, plain.reads) == (23, 64)


def test_evaluation_too():
    kept, plain = Counted(), Counted(in_memory=False)
    batches, expected = (EvalBatches(dataset(source), 8) for source in (kept, plain))
    for _ in range(2):
        for step in range(3):
            assert_equal(batches[step], expected[step])
    assert (kept.reads, plain.reads) == (24, 48)  # the last batch of an epoch ends with its last image twice


def test_a_batch_that_is_changed_changes_no_later_one():
    batches = EvalBatches(dataset(Counted()), 8)
    first = batches[0]
    expected = first["image"].copy()
    first["image"][:] = 0
    np.testing.assert_array_equal(batches[0]["image"], expected)


@pytest.mark.parametrize("case", ["random transform", "transform of the user's", "not in memory", "no room"])
def test_what_is_not_kept(case, monkeypatch):
    transforms = {"random transform": [RandomFlip(0.5)], "transform of the user's": [lambda sample, rng: sample]}
    if case == "no room":
        monkeypatch.setattr(batches_module, "_KEPT_BYTES", 23 * 8 * 8 - 1)
    source, plain = Counted(in_memory=case != "not in memory"), Counted(in_memory=False)
    batches = TrainBatches(dataset(source, *transforms.get(case, [])), 8, seed=5)
    expected = TrainBatches(dataset(plain, *transforms.get(case, [])), 8, seed=5)
    for step in range(6):
        assert_equal(batches[step], expected[step])
    assert source.reads >= plain.reads == 48


def test_just_enough_room(monkeypatch):
    monkeypatch.setattr(batches_module, "_KEPT_BYTES", 23 * 8 * 8)
    source = Counted()
    batches = EvalBatches(dataset(source), 8)
    for step in [0, 1, 2, 0, 1, 2]:
        batches[step]
    assert source.reads == 24


def test_sources_of_sources_say_so_too():
    for in_memory in (True, False):
        source = Counted(in_memory)
        assert RepeatDataset(source, 2).in_memory is in_memory
        assert Relabelled(source, ("c", "b", "a"), np.array([2, 1, 0], np.int32)).in_memory is in_memory


def test_threads_and_processes():
    source = Counted(length=400)
    batches, expected = TrainBatches(dataset(source), 16, 1), TrainBatches(dataset(Counted(False, 400)), 16, 1)
    with ThreadPoolExecutor(8) as threads:
        for step, batch in enumerate(threads.map(batches.__getitem__, range(75))):
            assert_equal(batch, expected[step])
    assert_equal(
        pickle.loads(pickle.dumps(TrainBatches(dataset(Counted()), 8, 5)))[3], TrainBatches(dataset(Counted()), 8, 5)[3]
    )
