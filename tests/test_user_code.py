from __future__ import annotations

import collections
import sys
import types

import pytest

from jaxcls import user_code
from jaxcls.errors import UserError


def test_names_of_modules():
    assert user_code.load("collections:OrderedDict") is collections.OrderedDict
    assert user_code.load("collections:UserDict.get") is collections.UserDict.get


@pytest.mark.parametrize(
    ("source", "name", "message"),
    [
        (
            None,
            "nothing_here:Net",
            r"model\.type: 'nothing_here:Net': cannot import 'nothing_here'; looked in .*FOLDER.*, the",
        ),
        (None, "nothing.here:Net", r"cannot import 'nothing\.here'; looked in"),
        ("class Net:\n    pass\n", "broken_here:Nett", r"not in FOLDER/broken_here\.py; did you mean 'Net'"),
        (
            "import nothing_there\n",
            "broken_here:Net",
            r"cannot import 'broken_here': FOLDER/broken_here\.py, line 1 .*nothing_th",
        ),
        ("x = 1\ny = {}['a']\n", "broken_here:Net", r"broken_here\.py, line 2 \(y = {}\['a'\]\): KeyError: 'a'"),
        ("x = (\n", "broken_here:Net", r"broken_here\.py, line 1: SyntaxError: '\(' was never closed"),
    ],
)
def test_messages(source, name, message, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(user_code, "_added", [])
    user_code.search(tmp_path)
    if source is not None:
        (tmp_path / "broken_here.py").write_text(source)
    try:
        with pytest.raises(UserError, match=message.replace("FOLDER", str(tmp_path))):
            user_code.load(name, "model.type")
    finally:
        sys.modules.pop("broken_here", None)


def test_a_folder_as_a_shell_reads_it(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(user_code, "_added", [])
    monkeypatch.setenv("HOME", str(tmp_path))
    user_code.search("~/mine")
    assert sys.path[-1] == str(tmp_path / "mine")


def test_what_another_program_finds():
    assert user_code.reference(collections.OrderedDict, "a") == "collections:OrderedDict"
    with pytest.raises(UserError, match="a: a lambda of '"):
        user_code.reference(lambda: None, "a")
    fake = type("OrderedDict", (), {"__module__": "collections"})
    with pytest.raises(UserError, match="a: 'collections:OrderedDict' is another object than the one in the config"):
        user_code.reference(fake, "a")


def test_a_class_of_a_script_cannot_be_saved_that_of_a_notebook_can(monkeypatch):
    script = types.ModuleType("__main__")
    script.Net = type("Net", (), {"__module__": "__main__"})
    monkeypatch.setitem(sys.modules, "__main__", script)
    assert user_code.reference(script.Net, "a") == "__main__:Net"
    script.__file__ = "train_mine.py"
    with pytest.raises(UserError, match="a: 'Net' of '__main__' cannot be imported by another program"):
        user_code.reference(script.Net, "a")
