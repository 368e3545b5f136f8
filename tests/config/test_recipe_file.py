from __future__ import annotations

import json
import sys

import pytest

from jaxcls.config import complete, load_config, load_recipe, save_config
from jaxcls.errors import UserError
from jaxcls.shipped import shipped

SMALL = "from tests import recipe\n\n\ndef get_config():\n    config = recipe.get_config()\n"


@pytest.fixture
def write(tmp_path, monkeypatch):
    """A file beside the others of the test; what it leaves behind for Python goes with it."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)

    def write(name, text):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
        return tmp_path / name

    yield write
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "def get_config():\n    return {'a': 1}['b']\n",
            r"mine\.py, line 2 \(return {'a': 1}\['b'\]\): KeyError: 'b'",
        ),
        (
            "def get_config():\n    return 1 / 0\n",
            r"mine\.py, line 2 \(return 1 / 0\): ZeroDivisionError: division by zero",
        ),
        ("def get_config(:\n", r"mine\.py, line 1: SyntaxError: invalid syntax"),
        (
            "import nothing_of_that_name\n",
            r"mine\.py, line 1 .*: ModuleNotFoundError: No module named 'nothing_of_that_name'",
        ),
        ("from configs.resnet import nothing\n", r"mine\.py, line 1 .*: ImportError: cannot import name 'nothing'"),
        (
            "import jaxcls\n\n\ndef get_config():\n    raise ValueError('no such data')\n",
            r"line 5: ValueError: no such data",
        ),
        ("import json\n\n\ndef get_config():\n    return json.loads('{')\n", r"mine\.py, line 5 .*: JSONDecodeError"),
        ("x = 1\n", r"mine\.py has no function get_config\(\)"),
        ("def get_config():\n    pass\n", r"get_config\(\) gave None; expected a ConfigDict or a dict"),
        ("def get_config(variant):\n    pass\n", r"get_config\(\) of .*mine\.py needs an argument: FILE:ARGUMENT"),
        (
            "from ml_collections import config_dict\n\n\ndef get_config():\n    return config_dict.ConfigDict("
            "{'seed': config_dict.required_placeholder(int)})\n",
            "RequiredValueError",
        ),
    ],
)
def test_what_fails_in_the_users_file_is_named_with_its_line(write, text, message):
    with pytest.raises(UserError, match=message):
        load_recipe(str(write("mine.py", text)))


def test_arguments(write):
    path = write("mine.py", "def get_config(variant='a'):\n    return {'seed': variant}\n")
    assert [load_recipe(f"{path}{argument}")["seed"] for argument in ("", ":b:c", ":")] == ["a", "b:c", ""]
    path = write("other.py", "def get_config():\n    return {}\n")
    with pytest.raises(UserError, match="takes no argument, got 'b'"):
        load_recipe(f"{path}:b")


def test_a_missing_file_names_the_close_ones(write):
    path = write("mine.py", "")
    with pytest.raises(UserError, match=r"No such file or directory: '.*mime\.py'; did you mean '.*/mine\.py'"):
        load_recipe(str(path.parent / "mime.py"))


def test_what_is_no_recipe_is_refused(write, tmp_path):
    with pytest.raises(UserError, match="a folder; expected a recipe in it"):
        load_recipe(str(tmp_path))
    with pytest.raises(UserError, match=r"expected a Python file with get_config\(\), or a saved config\.json"):
        load_recipe(str(write("recipe.yaml", "a: 1")))


@pytest.mark.parametrize("maker", ["ConfigDict", "dict"])
def test_keys_with_dots_come_back(write, maker, tmp_path):
    keys = "custom_keys={'.absolute_pos_embed': dict(decay_mult=0.0), 'norm.0': dict(decay_mult=0.0)}"
    text = SMALL + (
        f"    config.optimizer = dict(type='AdamW', lr=1e-3, weight_decay=0.1, paramwise_cfg=dict({keys}))\n"
        f"    return {'config' if maker == 'ConfigDict' else 'config.to_dict()'}\n"
    )
    config = complete(load_recipe(str(write("mine.py", text))))
    assert config["optimizer"]["paramwise_cfg"]["custom_keys"].keys() == {".absolute_pos_embed", "norm.0"}
    save_config(config, tmp_path / "config.json")
    assert complete(load_config(tmp_path / "config.json")) == config
    assert complete(load_recipe(f"{tmp_path}/config.json")) == config


def test_the_recipes_folder_is_searched_and_remembered(write, tmp_path):
    write("my_hooks_aside.py", "from jaxcls.engine.hooks import Hook\n\n\nclass Mine(Hook):\n    pass\n")
    text = SMALL + "    config.custom_hooks = [dict(type='my_hooks_aside:Mine')]\n    return config\n"
    config = complete(load_recipe(str(write("recipe_aside.py", text))))
    assert config["import_from"] == (str(tmp_path),)
    save_config(config, tmp_path / "config.json")
    sys.path.remove(str(tmp_path))
    del sys.modules["my_hooks_aside"]
    assert complete(load_config(tmp_path / "config.json"))["custom_hooks"] == ({"type": "my_hooks_aside:Mine"},)


def test_classes_of_the_recipe_itself_are_saved_by_name(write, tmp_path):
    text = (
        "from jaxcls.engine.hooks import Hook\n\n\nclass Mine(Hook):\n    class Inner(Hook):\n        pass\n\n\n"
        + SMALL
    )
    text += "    config.custom_hooks = [dict(type=Mine), dict(type=Mine.Inner)]\n    return config\n"
    config = complete(load_recipe(str(write("recipe_with_hooks.py", text))))
    assert config["import_from"] == (str(tmp_path),)
    save_config(config, tmp_path / "config.json")
    saved = json.loads((tmp_path / "config.json").read_text())
    assert [hook["type"] for hook in saved["custom_hooks"]] == [
        "recipe_with_hooks:Mine",
        "recipe_with_hooks:Mine.Inner",
    ]
    assert complete(load_config(tmp_path / "config.json"))["import_from"] == (str(tmp_path),)


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        (
            "dict(type='ClosureHook', fn_name='before_run', fn=lambda runner: None)",
            r"custom_hooks\[0\]\.fn: a lambda of",
        ),
        (
            "dict(type='ClosureHook', fn_name='before_run', fn=local)",
            r"custom_hooks\[0\]\.fn: 'local' of .*cannot be imp",
        ),
        (
            "dict(type='WandbLoggerHook', init_kwargs=dict(a=object()))",
            r"init_kwargs\.a: <object .*cannot be saved; expected",
        ),
        ("dict(type='WandbLoggerHook', init_kwargs={3: 'a'})", r"init_kwargs: the key 3 is no text"),
    ],
)
def test_what_cannot_be_saved_is_refused_at_the_start(write, hook, message):
    text = SMALL + f"    def local(runner):\n        pass\n\n    config.custom_hooks = [{hook}]\n    return config\n"
    with pytest.raises(UserError, match=message):
        complete(load_recipe(str(write("mine.py", text))))


def test_a_recipe_may_have_the_name_of_another_module(write):
    text = "from jaxcls.engine.hooks import Hook\n\n\nclass Mine(Hook):\n    pass\n\n\n" + SMALL
    text += "    config.custom_hooks = [dict(type=Mine)]\n    return config\n"
    with pytest.raises(UserError, match=r"'Mine' of 'recipe:.*json\.py' cannot be imported by another program"):
        complete(load_recipe(str(write("json.py", text))))
    assert sys.modules["json"] is json


def test_saved_configs(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UserError, match="is not JSON"):
        load_config(tmp_path / "config.json")
    with pytest.raises(UserError, match="does not exist"):
        load_config(tmp_path / "other.json")


def test_a_recipe_of_the_package_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_recipe("lenet5:fashion_mnist") == load_recipe(f"{shipped('configs')}/lenet5.py:fashion_mnist")


def test_an_unknown_name_gets_the_close_ones():
    with pytest.raises(
        UserError, match=r"--config=resnt:cifar10: no recipe; did you mean 'resnet' .*Allowed: airbench, alexnet, "
    ):
        load_recipe("resnt:cifar10")
