import logging
import math
import tracemalloc
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcls.data.pipeline import build_dataset
from jaxcls.data.sources import ClassBalancedDataset, ConcatDataset, KFoldDataset, RepeatDataset
from jaxcls.data.sources.base import Source
from jaxcls.errors import UserError

few = settings(max_examples=40, deadline=None)


class Listed(Source):
    def __init__(self, labels, classes="abc", start=0):
        self.classes, self._labels, self._start = tuple(classes), np.array(labels, np.int32), start

    @property
    def labels(self):
        return self._labels

    def __len__(self):
        return len(self._labels)

    def __getitem__(self, index):
        return {
            "image": np.full((1, 1, 1), self._start + range(len(self))[index], np.uint8),
            "label": self._labels[index],
        }


NODE = {"type": "test_wrappers:Listed", "labels": [0, 1, 2, 1]}


def numbers(source):
    return [int(sample["image"][0, 0, 0]) for sample in source]


def test_repeat():
    source = RepeatDataset(Listed([0, 1, 2]), times=2)
    assert numbers(source) == [0, 1, 2, 0, 1, 2]
    assert source.labels.tolist() == [0, 1, 2, 0, 1, 2]


def test_concat():
    source = ConcatDataset([Listed([0, 1]), Listed([2], start=10), Listed([1, 1], start=20)])
    assert numbers(source) == [0, 1, 10, 20, 21]
    assert source.labels.tolist() == [0, 1, 2, 1, 1]
    assert source[-1]["image"][0, 0, 0] == 21
    assert source.ends.tolist() == [2, 3, 5]
    with pytest.raises(IndexError):
        source[5]
    with pytest.raises(UserError, match=r"datasets\[1\] has other classes than datasets\[0\]: 'x', 'y' against 'a'"):
        ConcatDataset([Listed([0]), Listed([0], classes="xy")])


@few
@given(st.lists(st.integers(0, 2), min_size=1, max_size=30), st.floats(0, 1))
def test_class_balanced_repeats_by_the_original_rule(labels, threshold):
    frequency = Counter(labels)
    expected = [
        index
        for index, label in enumerate(labels)
        for _ in range(math.ceil(max(1.0, math.sqrt(threshold / (frequency[label] / len(labels))))))
    ]
    assert numbers(ClassBalancedDataset(Listed(labels), threshold)) == expected


def test_class_balanced_needs_little_memory():
    """Not n x K numbers: 20,000 images of 2,000 classes, one or several each."""
    one = np.random.default_rng(0).integers(0, 2000, 20_000).astype(np.int32)
    several = np.zeros((2000, 2000), np.int32)
    several[np.arange(2000), one[:2000]] = 1
    for labels in (one, several):
        source = Listed(labels, [str(i) for i in range(2000)])
        tracemalloc.start()
        ClassBalancedDataset(source, 0.01)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2**23


@few
@given(st.lists(st.lists(st.integers(-1, 1), min_size=3, max_size=3), min_size=1, max_size=20), st.floats(0, 1))
def test_class_balanced_with_several_labels_by_the_original_rule(labels, threshold):
    frequency = (np.array(labels) == 1).mean(0)
    expected = [
        max([1.0, *(math.sqrt(threshold / f) for label, f in zip(row, frequency, strict=True) if label == 1)])
        for row in labels
    ]
    found = Counter(numbers(ClassBalancedDataset(Listed(labels), threshold)))
    assert [found[i] for i in range(len(labels))] == [math.ceil(factor) for factor in expected]


def test_class_balanced_refuses_labels_beyond_the_classes():
    with pytest.raises(UserError, match=r"dataset: labels go from 0 to 3; expected 3 classes, 0 to 2"):
        ClassBalancedDataset(Listed([0, 3]), 0.1)


def warnings_of(caplog, *arguments, **options):
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        KFoldDataset(*arguments, **options)
    return [record.getMessage() for record in caplog.records]


def test_folds_of_sorted_images_lose_classes(caplog):
    source = Listed(np.repeat(range(3), 10))
    lost = "KFoldDataset: all folds but 0: no image of 'a'; give stratified=True, or a seed"
    assert warnings_of(caplog, source, 0, 3) == [lost]
    lost = "KFoldDataset: fold 2 of 3: no image of 'a', 'b'; give stratified=True, or a seed"
    assert warnings_of(caplog, source, 2, 3, test_mode=True) == [lost]
    assert not warnings_of(caplog, source, 0, 3, seed=0)
    assert not warnings_of(caplog, source, 0, 3, stratified=True)
    assert not warnings_of(caplog, Listed([0, 1] * 4), 0, 2)  # `c` is nowhere
    assert warnings_of(caplog, Listed([0, 1, 0, 0]), 1, 2, stratified=True) == [
        "KFoldDataset: all folds but 1: no image of 'b'"
    ]
    several = Listed([[1, 0], [1, 0], [0, 1], [0, -1]], "ab")
    assert warnings_of(caplog, several, 1, 2)[0].startswith("KFoldDataset: all folds but 1: no image of 'b'; give")


def test_class_balanced_with_several_labels_follows_the_rarest():
    labels = [[1, 0], [1, 0], [1, 1], [1, 0], [0, -1], [1, 0], [1, 0], [1, 0], [1, 0], [1, 0]]
    # The second class is in one of ten: sqrt(0.4 / 0.1) = 2. Difficult (-1) counts for nothing.
    assert Counter(numbers(ClassBalancedDataset(Listed(labels, "ab"), 0.4)))[2] == 2
    assert len(ClassBalancedDataset(Listed(labels, "ab"), 0.4)) == 11


@few
@given(st.integers(7, 40), st.integers(2, 7), st.sampled_from([None, 0, 5]))
def test_folds_partition_the_dataset(length, num_splits, seed):
    source = Listed([0] * length)
    seen = []
    for fold in range(num_splits):
        train = numbers(KFoldDataset(source, fold, num_splits, seed=seed))
        test = numbers(KFoldDataset(source, fold, num_splits, test_mode=True, seed=seed))
        assert sorted(train + test) == list(range(length))
        assert length // num_splits <= len(test) <= -(-length // num_splits)
        seen += test
    assert sorted(seen) == list(range(length))
    assert (seen == list(range(length))) == (seed is None)


def test_wrappers_build_from_configs_and_hoist_the_pipeline():
    flip = [{"type": "RandomFlip"}]
    node = {"type": "RepeatDataset", "times": 3, "dataset": {**NODE, "pipeline": flip}}
    dataset = build_dataset(node)
    assert (len(dataset), len(dataset.transforms)) == (12, 1)
    nested = {
        "type": "ClassBalancedDataset",
        "oversample_thr": 0.5,
        "dataset": {"type": "ConcatDataset", "datasets": [NODE]},
    }
    assert len(build_dataset({**nested, "pipeline": flip})) == 6


def test_a_list_is_concatenated():
    flip = [{"type": "RandomFlip"}]
    assert len(build_dataset([{**NODE, "pipeline": flip}, {**NODE, "pipeline": flip}])) == 8
    with pytest.raises(UserError, match=r"data\.train: the parts have different pipelines"):
        build_dataset([{**NODE, "pipeline": flip}, {**NODE, "pipeline": []}])


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"type": "RepeatDataset", "dataset": NODE, "times": 0}, "times=0: expected 1 or more"),
        ({"type": "ClassBalancedDataset", "dataset": NODE, "oversample_thr": 2}, "oversample_thr=2"),
        ({"type": "KFoldDataset", "dataset": NODE, "fold": 5}, "fold=5, num_splits=5"),
        ({"type": "KFoldDataset", "dataset": NODE, "num_splits": 1}, "num_splits=1: expected 2 to 4, the number of"),
        ({"type": "KFoldDataset", "dataset": NODE, "num_splits": 5}, "num_splits=5: expected 2 to 4"),
        ({"type": "ConcatDataset", "datasets": []}, "expected at least one"),
        ({"type": "RepeatDataset", "dataset": {"type": "CIFAR1"}, "times": 2}, "did you mean 'CIFAR10'"),
    ],
)
def test_refuses(node, message):
    with pytest.raises(UserError, match=message):
        build_dataset(node)


def test_stratified_folds_hold_a_share_of_each_class():
    source = Listed([0] * 11 + [1] * 5 + [2] * 3)
    folds = [KFoldDataset(source, fold, 5, test_mode=True, seed=0, stratified=True) for fold in range(5)]
    assert sorted(i for fold in folds for i in fold.indices) == list(range(19))
    assert np.bincount(folds[0].labels, minlength=3).tolist() == [2, 1, 0]
    rest = KFoldDataset(source, 0, 5, seed=0, stratified=True)
    assert sorted([*rest.indices, *folds[0].indices]) == list(range(19))
    with pytest.raises(UserError, match="one label an image"):
        KFoldDataset(Listed([[0, 1], [1, 1]], "ab"), num_splits=2, stratified=True)
