"""`~` and `$NAME` in every path that a user can give."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jaxcls.config import load_config, load_recipe
from jaxcls.data import sources
from jaxcls.engine import hooks
from jaxcls.engine.checkpoints.storage import Checkpoints, locate, restore_checkpoint
from jaxcls.errors import UserError
from jaxcls.paths import expand, output_file
from jaxcls.results import Results


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Where `~` and `$WHERE` are."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WHERE", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("path", ["~/a/b", "$WHERE/a/b", "${WHERE}/a/b", "$HOME/a/b"])
def test_what_a_shell_replaces(home, path):
    assert expand(path) == home / "a/b"


def test_other_paths_become_absolute(home, monkeypatch):
    monkeypatch.chdir(home)
    assert expand("a/b") == home / "a/b"
    assert expand(Path("a")) == home / "a"
    assert expand("cost 5$/x~y") == home / "cost 5$/x~y"
    (home / "a$b").mkdir()
    assert expand("a$b") == home / "a$b"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("$NOT_SET_AT_ALL/x", "the environment variable NOT_SET_AT_ALL is not set"),
        ("x/${NOT_SET_AT_ALL}", "the environment variable NOT_SET_AT_ALL is not set"),
        ("~nobody_of_this_name/x", "there is no user 'nobody_of_this_name'"),
        (3, "3: expected a path"),
        (None, "None: expected a path"),
        ("a\0b", "expected a path"),
    ],
)
def test_refuses(path, message):
    with pytest.raises(UserError, match=message):
        expand(path)


# what takes a path -> how it is called with one
TAKERS = {
    "CustomDataset": sources.CustomDataset,
    "ann_file": lambda path: sources.CustomDataset(".", path),
    "classes": lambda path: sources.CustomDataset(".", classes=path),
    "ImageNet": sources.ImageNet,
    "ImageNet21k": sources.ImageNet21k,
    "MultiLabelDataset": lambda path: sources.MultiLabelDataset(path, "a.txt"),
    "multi-label text": lambda path: sources.MultiLabelDataset(".", path),
    "multi-label JSON": lambda path: sources.MultiLabelDataset(".", f"{path}.json"),
    "VOC": lambda path: sources.VOC(path, "a.txt"),
    "VOC ann_file": lambda path: sources.VOC(".", path),
    "CUB": lambda path: sources.CUB(path, *"abc"),
    "CUB ann_file": lambda path: sources.CUB(".", path, "b", "c"),
    "StanfordCars": sources.StanfordCars,
    "StanfordCars ann_file": lambda path: sources.StanfordCars(".", ann_file=path),
    "CIFAR10": lambda path: sources.CIFAR10(path, download=False),
    "MNIST": lambda path: sources.MNIST(path, download=False),
    "TFDS": lambda path: sources.TFDS("svhn_cropped", "train", data_dir=path),
    "--ckpt, load_from": locate,
    "resume_from": restore_checkpoint,
    "saved config": load_config,
    "--out": lambda path: Results(f"{path}/x.csv"),
}


@pytest.mark.parametrize("name", TAKERS)
def test_messages_name_the_place_that_was_looked_at(home, name):
    with pytest.raises(UserError, match=f"{home}/nowhere"):
        TAKERS[name]("~/nowhere")


@pytest.mark.parametrize("name", ["CustomDataset", "CIFAR10", "MNIST", "ann_file", "VOC", "StanfordCars ann_file"])
def test_a_name_that_is_too_long(name):
    with pytest.raises(UserError, match="File name too long"):
        TAKERS[name]("x" * 300)


def test_a_saved_config_with_a_byte_order_mark(home):
    (home / "config.json").write_text('\ufeff{"seed": 3}', encoding="utf-8")
    assert load_config("~/config.json").seed == 3


def test_what_is_written(home):
    assert Checkpoints("~/work").workdir == home / "work"
    assert hooks.TensorboardLoggerHook(log_dir="~/board").log_dir == home / "board"
    profiler = hooks.ProfilerHook(trace_dir="$WHERE/trace", json_trace_path="~/trace.json")
    assert (profiler.trace_dir, profiler.json_trace_path) == (home / "trace", home / "trace.json")


def test_a_file_that_cannot_be_written_is_named_at_once(home, monkeypatch):
    cases = {"~/no/x": f"the folder {home}/no does not exist", "~": f"{home} is a folder, expected a file"}
    for path, message in cases.items():
        with pytest.raises(UserError, match=f"--out: {message}"):
            output_file(path, "--out")
        with pytest.raises(UserError, match=f"json_trace_path: {message}"):
            hooks.ProfilerHook(json_trace_path=path)
    assert output_file("~/x.csv", "--out") == home / "x.csv"
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UserError, match=f"--out: {home}/x.csv cannot be written"):
        output_file("~/x.csv", "--out")


@pytest.mark.parametrize("given", ["~/a.py:tiny", "$WHERE/a.py:tiny"])
def test_the_config_flag(home, given):
    (home / "a.py").write_text("def get_config(variant):\n    return {'seed': variant}\n")
    assert load_recipe(given) == {"seed": "tiny"}
