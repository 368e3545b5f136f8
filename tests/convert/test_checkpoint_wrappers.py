from __future__ import annotations

import numpy as np
import pytest

from jaxcls.convert import wrappers
from jaxcls.convert.wrappers import read_weights
from jaxcls.errors import UserError

A, B = np.zeros(2, np.float32), np.ones(2, np.float32)
META = {"CLASSES": ("cat", "dog"), "epoch": 3}

SAVED = {  # what is saved: the key that is found
    "the weights alone": ({"x": A}, ""),
    "the original's": (
        {"meta": META, "state_dict": {"x": A}, "optimizer": {"state": {0: {"exp_avg": B}}}},
        "state_dict",
    ),
    "DeiT's": ({"model": {"x": A}}, "model"),
    "averages beside the model": ({"model": {"x": B}, "model_ema": {"x": A}}, "model_ema"),
    "timm's averages": ({"state_dict": {"x": B}, "state_dict_ema": {"x": A}, "args": None}, "state_dict_ema"),
    "timm's without averages": ({"state_dict": {"x": A}, "state_dict_ema": None}, "state_dict"),
    "empty averages": ({"state_dict": {"x": A}, "ema": {}}, "state_dict"),
    "DINO's": ({"student": {"x": B}, "teacher": {"x": A}, "epoch": 3}, "teacher"),
    "one in the other": ({"model": {"state_dict": {"x": A}}}, "model.state_dict"),
    "an unknown key": ({"net": {"x": A}, "acc": 93.0, "epoch": 3}, "net"),
}


def read(monkeypatch, saved):
    monkeypatch.setattr(wrappers, "read_file", lambda path: saved)
    return read_weights("x.pth")


@pytest.mark.parametrize("what", SAVED)
def test_where_the_weights_are(monkeypatch, what):
    saved, key = SAVED[what]
    found = read(monkeypatch, saved)
    assert found.key == key
    assert list(found.state_dict) == ["x"]
    assert found.state_dict["x"] is A


def test_the_originals_notes(monkeypatch):
    assert read(monkeypatch, {"meta": META, "state_dict": {"x": A}}).meta == META
    assert read(monkeypatch, {"meta": None, "state_dict": {"x": A}}).meta == {}
    assert read(monkeypatch, {"x": A}).meta == {}


def test_buffers_of_the_originals_averages_are_dropped(monkeypatch):
    given = {"backbone.conv1.weight": A, "ema_backbone_conv1_weight": B, "ema_rate": B}
    assert list(read(monkeypatch, {"state_dict": given}).state_dict) == ["backbone.conv1.weight", "ema_rate"]


@pytest.mark.parametrize(
    ("saved", "message"),
    [
        ([A], "holds no weights by their names: it is a list"),
        ({}, "it has nothing; expected a state dict, or one under state_dict_ema, "),
        ({"epoch": 3, "name": "x"}, "it has 'epoch', 'name'; expected"),
        ({"generator": {"x": A}, "critic": {"x": B}}, "it has 'generator', 'critic'; expected"),
    ],
)
def test_no_weights(monkeypatch, saved, message):
    with pytest.raises(UserError, match=message):
        read(monkeypatch, saved)
