"""Weights of classes from the training labels."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import jaxcls
from jaxcls.config import complete, load_config
from jaxcls.engine.balance import balanced, balanced_as
from jaxcls.errors import UserError
from jaxcls.models.losses import CrossEntropyLoss
from tests.engine import tiny
from tests.engine.test_network import config_of, dataset

CLASSES = {"type": "CrossEntropyLoss", "class_weight": "balanced"}
POSITIVES = {"type": "CrossEntropyLoss", "use_sigmoid": True, "pos_weight": "balanced"}


def weights(loss, labels, head="LinearClsHead"):
    found = balanced(config_of(head, loss), lambda: dataset(labels=labels))["model"]["head"]["loss"]
    complete(config_of(head, found))
    return found


def test_class_weights_are_n_by_k_times_n_k(caplog):
    caplog.set_level("INFO")
    found = weights(CLASSES, [0] * 6 + [1] * 3 + [2])["class_weight"]
    np.testing.assert_allclose(found, [10 / (3 * 6), 10 / (3 * 3), 10 / (3 * 1)])
    assert "model.head.loss.class_weight: balanced, from 0.5556 (a, 6 of 10 images) to 3.333 (c, 1)" in caplog.text


@pytest.mark.parametrize(
    ("labels", "head"),
    [([0, 0, 1, 2], "LinearClsHead"), ([[1, 0, 0], [1, -1, 0], [0, 0, 1], [0, 0, 0]], "MultiLabelLinearClsHead")],
)
def test_positives_weigh_as_much_as_negatives(labels, head):
    np.testing.assert_allclose(weights(POSITIVES, labels, head)["pos_weight"], [2 / 2, 3 / 1, 3 / 1])


def test_without_it_no_data_is_read():
    config = config_of(loss={"type": "CrossEntropyLoss", "class_weight": [1.0, 2.0, 3.0]})
    assert balanced(config, lambda: pytest.fail("data was read")) is config


@pytest.mark.parametrize(
    ("loss", "labels", "message"),
    [
        (CLASSES, [0, 0, 2], "model.head.loss.class_weight='balanced': data.train has no images of 'b'"),
        (CLASSES, [[1, 0, 0]], "class_weight='balanced': is for one label an image; with several, pos_weight="),
        (POSITIVES, [[1, 0, 1], [0, 0, 1]], "pos_weight='balanced': data.train has no images of 'b'"),
        (POSITIVES, [[1, 1, 1], [0, 0, 1]], "all images of data.train have 'c', which would weigh nothing"),
        (CLASSES, [0, 0, 5], "labels go from 0 to 5"),
    ],
)
def test_messages(loss, labels, message):
    with pytest.raises(UserError, match=re.escape(message)):
        weights(loss, labels)


def test_the_word_alone_is_no_weight():
    with pytest.raises(UserError, match="stands for numbers that training counts"):
        CrossEntropyLoss(class_weight="balanced")(np.zeros((2, 3)), np.array([0, 1]))
    with pytest.raises(UserError, match=r"class_weight: 'balance'; expected a list of numbers or 'balanced'"):
        config_of(loss={**CLASSES, "class_weight": "balance"})


def test_a_checkpoints_numbers_come_first():
    model = config_of(loss=CLASSES)["model"]
    other = {"head": {"loss": {"class_weight": [1, 2, 3]}}}
    assert balanced_as(model, other)["head"]["loss"]["class_weight"] == [1, 2, 3]
    assert balanced_as(model, None)["head"]["loss"]["class_weight"] is None  # predictions need no loss
    assert balanced_as(other, model) is other


@pytest.mark.slow
def test_the_numbers_are_kept_with_the_run(tmp_path):
    model = tiny.model()
    model["head"]["loss"] = CLASSES
    runner = tiny.train(tmp_path, model=model, runner={"max_epochs": 1})
    counts = np.bincount(runner.loaders["train"].batches.dataset.labels)
    kept = json.loads((tmp_path / "config.json").read_text())["model"]["head"]["loss"]["class_weight"]
    np.testing.assert_allclose(kept, counts.sum() / (10 * counts))
    given = tiny.config(model=model)
    given["data"]["train"] = {"type": "CustomDataset", "data_prefix": str(tmp_path / "nowhere")}  # not needed
    for config in (load_config(tmp_path / "config.json"), given):
        numbers, _ = jaxcls.evaluate_model(config, tmp_path)
        assert numbers["accuracy_top-1"] > 0
    assert len(jaxcls.init_model(tmp_path).classes) == 10
    tiny.train(tmp_path, model=model, resume=True)
