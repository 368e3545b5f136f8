import logging

import numpy as np
import pytest

from jaxcls.data.decode import DamagedImageError
from jaxcls.data.pipeline import Dataset, EvalBatches, TrainBatches, build_dataset
from jaxcls.data.report import class_report
from jaxcls.data.sources.base import Source
from jaxcls.errors import UserError


class Holes(Source):
    """Images 3, 4 and 9 are damaged."""

    classes = ("a",)

    def __init__(self, holes=(3, 4, 9)):
        self.holes = holes

    @property
    def labels(self):
        return np.zeros(10, np.int32)

    def __len__(self):
        return 10

    def __getitem__(self, index):
        if index in self.holes:
            raise DamagedImageError(f"image {index}: damaged")
        return {"image": np.full((2, 2, 1), index, np.uint8), "label": index}


def test_skip_takes_the_next_image_and_names_the_damaged_one_once(caplog):
    dataset = Dataset(Holes(), on_error="skip")
    with caplog.at_level(logging.WARNING):
        labels = [TrainBatches(dataset, 10, seed=0)[epoch]["label"] for epoch in range(3)]
    counts = np.bincount(labels[0], minlength=10)
    assert counts.tolist() == [2, 1, 1, 0, 0, 3, 1, 1, 1, 0]  # 0 for 9, 5 for 3 and 4
    assert sorted(labels[1]) == sorted(labels[2])
    assert sorted(dataset.damaged) == [3, 4, 9]
    assert sorted(record.getMessage()[:16] for record in caplog.records) == [f"image {i}: damaged" for i in (3, 4, 9)]
    assert caplog.records[-1].getMessage().endswith("(3 so far)")


def test_skip_has_a_limit():
    with pytest.raises(UserError, match=r"3 damaged images, max_errors=2; the last: image \d: damaged"):
        TrainBatches(Dataset(Holes(), on_error="skip", max_errors=2), 10, seed=0)[0]
    with pytest.raises(UserError, match="10 damaged images"):
        TrainBatches(Dataset(Holes(range(10)), on_error="skip"), 10, seed=0)[0]


def test_raise_is_the_default_and_evaluation_always_raises():
    with pytest.raises(DamagedImageError, match="damaged"):
        TrainBatches(Dataset(Holes()), 10, seed=0)[0]
    with pytest.raises(DamagedImageError, match="image 3: damaged"):
        EvalBatches(Dataset(Holes(), on_error="skip"), 10)[0]


def test_other_mistakes_are_not_skipped():
    def broken(sample, rng):
        raise UserError("wrong size")

    with pytest.raises(UserError, match="wrong size"):
        TrainBatches(Dataset(Holes(), (broken,), on_error="skip"), 10, seed=0)[0]


def test_options_come_from_the_config():
    node = {"type": "test_dataset:Holes", "on_error": "skip", "max_errors": 5}
    dataset = build_dataset(node)
    assert (dataset.on_error, dataset.max_errors) == ("skip", 5)
    with pytest.raises(UserError, match=r"data\.train: on_error='ignore': expected one of raise, skip"):
        build_dataset({**node, "on_error": "ignore"})


def test_class_report():
    assert class_report(["cat", "dog"], np.array([0, 1, 1])) == "3 images of 2 classes\ncat: 1, dog: 2"


def test_class_report_warns():
    labels = np.repeat([0, 1], [1100, 100])
    text = class_report(["cat", "dog", "emu"], labels)
    assert "WARNING: no images of emu" in text
    assert "WARNING: very unequal classes: cat has 11 times as many images as dog" in text
    assert "WARNING" not in class_report(["cat", "dog"], np.repeat([0, 1], [1000, 100]))


@pytest.mark.parametrize(
    ("labels", "warned"), [([0, 0], True), ([[1], [1]], True), ([[1], [0]], False), ([[0, 1], [0, 1]], True)]
)
def test_class_report_warns_where_there_is_nothing_to_learn(labels, warned):
    labels = np.array(labels)
    text = class_report(["cat", "dog"][: labels.shape[1] if labels.ndim == 2 else 2], labels)
    assert ("WARNING: all images have the same label: there is nothing to tell apart" in text) == warned


def test_class_report_of_several_labels_and_many_classes():
    labels = np.zeros((5, 30), int)
    labels[0] = 1
    labels[1, 0], labels[2, 1] = 1, -1
    lines = class_report([f"c{i}" for i in range(30)], labels, limit=3).splitlines()
    assert lines == ["5 images of 30 classes", "c0: 2, c1: 1, c2: 1, and 27 more classes"]
