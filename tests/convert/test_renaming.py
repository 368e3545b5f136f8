from __future__ import annotations

import numpy as np
import pytest

from jaxcls.convert import recognise
from jaxcls.convert.layouts import Layout
from jaxcls.convert.recognise import rename, rename_back
from jaxcls.convert.renaming import As, Table
from jaxcls.errors import UserError

THIRDS = Layout(write=np.asarray, shares=(2, 1))
DOUBLED = Layout(lambda value: 2 * value, lambda value: value / 2)
TABLE = Table(
    ("other",),
    {
        "stem.{i}": "backbone.stem{i}",
        "block{i}.{j}.norm": "backbone.layer{j}.{i}.bn",
        "stage{i+2}.stage{i+2}-{j}": "backbone.stages.{i}.{j+1}",
        ("att.q", "att.k"): "backbone.qk",
        ("att.both", "att.v"): As("backbone.qkv", THIRDS),
        "mixed": ("backbone.first", "backbone.second"),
        "gamma": As("backbone.scale", DOUBLED),
        "head.unused": None,
        "head": "head.fc",
        "": "backbone.rest",
    },
)
VALUES = {  # at the source
    "stem.0.weight": (2, 3),
    "block1.2.norm.bias": (3,),
    "block1.12.norm.bias": (3,),
    "stage3.stage3-9.bias": (3,),
    "att.both.weight": (4, 3),
    "att.v.weight": (2, 3),
    "att.q.weight": (2, 3),
    "att.k.weight": (1, 3),
    "mixed.weight": (5, 2),
    "gamma": (4,),
    "head.unused.bias": (1,),
    "head.bias": (6,),
    "any.name": (2,),
}
SHAPES = {
    "backbone.stem0.weight": (2, 3),
    "backbone.layer2.1.bn.bias": (3,),
    "backbone.layer12.1.bn.bias": (3,),
    "backbone.stages.1.10.bias": (3,),
    "backbone.qkv.weight": (6, 3),
    "backbone.qk.weight": (3, 3),
    "backbone.first.weight": (2, 2),
    "backbone.second.weight": (3, 2),
    "backbone.scale": (4,),
    "head.fc.bias": (6,),
    "backbone.rest.any.name": (2,),
}


@pytest.fixture
def given(monkeypatch):
    monkeypatch.setattr(recognise, "tables_of", lambda classifier: (TABLE,))
    rng = np.random.default_rng(0)
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in VALUES.items()}


def test_every_kind_of_row(given):
    renamed = rename(None, given, SHAPES)
    assert (renamed.source, renamed.problems) == ("other's names", [])
    assert {name: np.shape(value) for name, value in renamed.values.items()} == SHAPES
    found = {name: np.asarray(value) for name, value in renamed.values.items()}
    np.testing.assert_array_equal(found["backbone.stem0.weight"], given["stem.0.weight"])
    np.testing.assert_array_equal(found["backbone.layer12.1.bn.bias"], given["block1.12.norm.bias"])
    both = np.concatenate([given["att.q.weight"], given["att.k.weight"]])
    np.testing.assert_array_equal(found["backbone.qk.weight"], both)
    np.testing.assert_array_equal(found["backbone.first.weight"], given["mixed.weight"][:2])
    np.testing.assert_array_equal(found["backbone.second.weight"], given["mixed.weight"][2:])
    np.testing.assert_array_equal(found["backbone.scale"], 2 * given["gamma"])


def test_back(given):
    given["att.q.weight"], given["att.k.weight"] = np.ones((2, 3)), np.zeros((2, 3))
    shapes = {**SHAPES, "backbone.qk.weight": (4, 3)}
    ours = {name: np.asarray(value) for name, value in rename(None, given, shapes).values.items()}
    back = rename_back(None, dict(reversed(ours.items())), "other")
    assert back.keys() == given.keys() - {"head.unused.bias"}
    for name, value in back.items():
        np.testing.assert_array_equal(value, given[name])


def test_a_table_that_another_model_marks(given, monkeypatch):
    monkeypatch.setattr(recognise, "tables_of", lambda classifier: (Table(("x",), TABLE.rows, mark="backbone.no"),))
    assert rename(None, given, SHAPES).source == "MMClassification's names"


def test_what_the_model_lacks_has_our_name(given):
    given["block3.1.norm.bias"] = np.zeros(3)
    assert rename(None, given, SHAPES).values.keys() - SHAPES.keys() == {"backbone.layer1.3.bn.bias"}
    with pytest.raises(UserError, match=r"no names of 'x'"):
        rename_back(type("C", (), {"backbone": None})(), {}, "x")
