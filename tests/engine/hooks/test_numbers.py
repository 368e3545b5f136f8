import math

import numpy as np
import pytest

from jaxcls.engine.hooks.numbers import scalars, texts

CLASSES = ("cat", "dog")
MANY = [f"c{i}" for i in range(12)]


def test_single_numbers_and_those_of_each_class_become_curves():
    numbers = {
        "accuracy": 50.0,
        "count": 3,
        "recall": np.asarray([1.0, 2.0]),
        "class_accuracy/cat": np.float32(4.0),
        "confusion_matrix": np.eye(2),
        "note": "warm",
    }
    assert scalars(numbers, CLASSES) == {
        "accuracy": 50.0,
        "count": 3.0,
        "recall/cat": 1.0,
        "recall/dog": 2.0,
        "class_accuracy/cat": 4.0,
    }
    assert scalars({"recall": [1.0, 2.0, 3.0]}, CLASSES) == {"recall/0": 1.0, "recall/1": 2.0, "recall/2": 3.0}


def test_names_that_not_every_program_takes():
    found = scalars({"recall": [1.0, 2.0, 3.0]}, ("jack-o'-lantern", "jack-o_-lantern", "café (x)"))
    assert found == {"recall/jack-o_-lantern": 1.0, "recall/jack-o_-lantern_1": 2.0, "recall/café _x_": 3.0}


@pytest.mark.parametrize(
    ("numbers", "classes", "line"),
    [
        ({"loss": 1.23456, "iter": 3, "note": "warm"}, CLASSES, "loss: 1.2346, iter: 3, note: warm"),
        ({"recall": np.asarray([1.0, 2.0])}, CLASSES, "recall: [1.0000 2.0000]"),
        ({"support": np.arange(12)}, MANY, "support: 0 (c0) to 11 (c11)"),
        ({"recall": np.asarray([math.nan, 2.0, *range(3, 13)])}, MANY, "recall: 2.0000 (c1) to 12.0000 (c11)"),
        ({"recall": np.full(12, math.nan)}, MANY, "recall: nan"),
        ({"recall": np.arange(11.0)}, MANY, "recall: 0.0000 (0) to 10.0000 (10)"),
        ({"confusion_matrix": np.eye(2)}, CLASSES, "confusion_matrix: 2 x 2"),
        ({"a/cat": 1.0, "a/dog": 2.0, "loss": 3.0}, CLASSES, "a/cat: 1.0000, a/dog: 2.0000, loss: 3.0000"),
        ({f"a/{one}": float(i) for i, one in enumerate(MANY)}, MANY, "a: 0.0000 (c0) to 11.0000 (c11)"),
    ],
)
def test_text(numbers, classes, line):
    assert ", ".join(texts(numbers, classes)) == line
