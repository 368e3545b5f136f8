"""The language of the original's config files."""

from __future__ import annotations

import sys

import pytest

from jaxcls.errors import UserError
from jaxcls.mmcls.language import read_file


@pytest.fixture
def values(tmp_path, monkeypatch):
    """What the last of several files gives, text by name."""
    monkeypatch.setattr(sys, "path", list(sys.path))

    def values(**texts):
        for name, text in texts.items():
            name = name.replace("__", "/")
            path = tmp_path / (name if "." in name else f"{name}.py")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return read_file(path).values

    return values


CHILDREN = {
    "a dict is merged key by key": (
        "_base_ = 'base.py'\noptimizer = dict(lr=0.5, nesterov=True)",
        {"optimizer": {"type": "SGD", "lr": 0.5, "nesterov": True}},
    ),
    "a list replaces": ("_base_ = ['./base.py']\nsteps = [9]", {"steps": [9]}),
    "_delete_ replaces": (
        "_base_ = 'base.py'\noptimizer = dict(_delete_=True, type='Adam', groups=[dict(_delete_=True, a=1)])",
        {"optimizer": {"type": "Adam", "groups": [{"a": 1}]}},
    ),
    "None replaces": ("_base_ = 'base.py'\noptimizer = None", {"optimizer": None}),
    "_delete_ of what the base lacks": ("_base_ = 'base.py'\nnew = dict(_delete_=True, a=1)", {"new": {"a": 1}}),
    "the base's values": (
        "_base_ = 'base.py'\nmine = {{ _base_.optimizer.lr }} * 2\nturned = [0] + {{_base_.steps}}[::-1]",
        {"mine": 0.2, "turned": [0, 3, 2, 1]},
    ),
    "what is changed in a base's value does not change the base": (
        "_base_ = 'base.py'\nmine = {{_base_.steps}}\nmine.append(4)",
        {"mine": [1, 2, 3, 4], "steps": [1, 2, 3]},
    ),
    "names of the file": (
        "names = ['{{ fileDirname }}', '{{fileBasename}}', '{{ fileBasenameNoExtension }}', '{{fileExtname}}']\n"
        "names.append(__file__)",
        {"names": ["{tmp}", "child.py", "child", ".py", "{tmp}/child.py"]},
    ),
    "imports, functions and helpers": (
        "import math\nfrom os import path\n\n\ndef twice(x):\n    return 2 * x\n\n\nclass A:\n    pass\n\n\n"
        "width = twice(math.floor(1.5))\nmodel = dict(width=width, file=path.join('a', 'b'))\n__hidden__ = 1",
        {"width": 2, "model": {"width": 2, "file": "a/b"}},
    ),
}
BASE = "optimizer = dict(type='SGD', lr=0.1)\nsteps = [1, 2, 3]"


@pytest.mark.parametrize("name", CHILDREN)
def test_children(name, values, tmp_path):
    child, expected = CHILDREN[name]
    found = values(base=BASE, child=child)
    expected = {
        k: [str(x).replace("{tmp}", str(tmp_path)) for x in v] if k == "names" else v for k, v in expected.items()
    }
    assert {key: found[key] for key in expected} == expected
    assert not any(key.startswith("_") or key in ("math", "path", "twice", "A") for key in found)


def test_several_bases_of_bases(values):
    found = values(
        root__model="model = dict(a=1, b=dict(c=1))",
        root__data="_base_ = ['model.py']\nmodel = dict(b=dict(c=2))\ndata = 1",
        root__run="runner = 2",
        child="_base_ = ['root/data.py', 'root/run.py']\nmodel = dict(b=dict(d=3))",
    )
    assert found == {"model": {"a": 1, "b": {"c": 2, "d": 3}}, "data": 1, "runner": 2}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("child.json", '{"_base_": "base.py", "optimizer": {"lr": 1}, "rate": {{_base_.optimizer.lr}}}'),
        ("child.yml", "_base_: base.py\noptimizer:\n  lr: 1\nrate: {{ _base_.optimizer.lr }}\n"),
    ],
)
def test_json_and_yaml(name, text, values):
    assert values(base=BASE, **{name: text}) == {
        "optimizer": {"type": "SGD", "lr": 1},
        "steps": [1, 2, 3],
        "rate": 0.1,
    }


MISTAKES = {
    "_base_ = 'bse.py'": r"child\.py: _base_: .*/bse\.py does not exist; did you mean 'base\.py'",
    "_base_ = 'child.py'": r"child\.py inherits from itself: ",
    "_base_ = ['base.py', 'base.json']": r"_base_: 'steps' in several bases: .*base\.py, .*base\.json",
    "_base_ = dict(a=1)": r"_base_ is {'a': 1}; expected a file's name or a list of them",
    "_base_ = 'base.txt'": r"base\.txt: expected a file that ends in \.py, \.json",
    "_base_ = 'base.py'\nsteps = dict(a=1)": r"steps is a dict, but its base has \[1, 2, 3\].*_delete_=True",
    "_base_ = 'base.py'\na = {{_base_.optimiser.lr}}": r"_base_ has no 'optimiser'; did you mean 'optimizer'",
    "_base_ = 'base.py'\na = {{_base_.steps.lr}}": r"_base_\.steps has no 'lr'; that is \[1, 2, 3\]",
    "a = 1\nb = a / 0": r"child\.py, line 2 \(b = a / 0\): ZeroDivisionError",
    "a = 1\nb = (": r"child\.py, line 2: SyntaxError",
    "import nothing_of_that_name": r"child\.py, line 1 .*ModuleNotFoundError: No module named 'nothing_of_that_name'",
}


@pytest.mark.parametrize("child", MISTAKES)
def test_mistakes(child, values):
    with pytest.raises(UserError, match=MISTAKES[child]):
        values(**{"base.json": '{"steps": 1}', "base": BASE, "child": child})


def test_a_json_file_that_is_none(values):
    with pytest.raises(UserError, match=r"child\.json: Expecting"):
        values(**{"child.json": "{"})
    with pytest.raises(UserError, match="expected a dict of the config's keys, got"):
        values(**{"child.json": "[1]"})
