"""Each tool starts on one tiny run and gives what it says; the wrong flags are one message."""

import hashlib
import importlib
import json
import pkgutil
import re
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import jaxcls.tools
from jaxcls.convert.wrappers import read_weights
from jaxcls.errors import UserError

# tool -> its command line, {workdir} and {tmp} in place of folders; what it prints; the files that it writes
STARTS = {
    "print_config": ("--config={workdir}/config.json", '"batch_size": 32', []),
    "lr_curve": ("--config={workdir}/config.json --out={tmp}/lr.png", "16 iterations, 8 an epoch", ["lr.png"]),
    "lr_curve momentum": (
        "--config=configs/resnet.py:imagenet2012 --dataset-size=1281167 --out={tmp}/lr.svg --title=T --style=ggplot "
        "--config.momentum_config.policy=CosineAnnealing --config.momentum_config.min_momentum=0.85 --window-size=4*4",
        "momentum: 0.9 first, 0.9 most, 0.85 last\n500,500 iterations, 5,005 an epoch",
        ["lr.svg"],
    ),
    "analyze_logs": (
        "plot_curve {workdir} {workdir} --keys loss,lr accuracy_top-1 --legend a b --out={tmp}/c.png",
        "c.png",
        ["c.png"],
    ),
    "model_summary": (
        "--config={workdir}/config.json --out={tmp}/layers.csv",
        "parameters: 362, and 32 running statistics\nmultiply-adds: 9,376 (",
        ["layers.csv"],
    ),
    "model_summary named": ("--model=lenet5 --depth 1", "parameters: 62,006", []),
    "find_lr": (
        "--config={workdir}/config.json --iters=24 --start_lr=1e-4 --end_lr=1 --out={tmp}/lr.png",
        "24 iterations, rates 0.0001 to 1: ",
        ["lr.png"],
    ),
    "kfold": (
        "--config={workdir}/config.json --num_splits=2 --workdir={tmp}/folds --config.runner.max_epochs=1",
        '"accuracy_top-1": {{"mean": ',
        ["folds"],
    ),
    "publish": ("{workdir} --out={tmp}/tiny.pth", "tiny_20", ["tiny_*.pth"]),
    "analyze_logs time": ("cal_train_time {workdir} --include-outliers", "average iter time: 0.", []),
}
MISTAKES = {
    "print_config": ("--config=configs/resnet.py --config.optimizer.lrr=1", "no argument 'lrr'; did you mean 'lr'"),
    "lr_curve": ("--config=configs/resnet.py --out=lr.gif", r"ends in '\.gif'; allowed: \.png"),
    "lr_curve flag": ("--config=configs/resnet.py --titel=x", "titel=x; did you mean '--title'"),
    "lr_curve style": ("--config=configs/resnet.py --style=ggplo", "--style: 'ggplo'; did you mean 'ggplot'"),
    "lr_curve size": ("--config=configs/resnet.py --window_size=7", r"--window_size: '7'; expected WIDTH\*HEIGHT"),
    "analyze_logs": ("plot_curve {workdir} --keys los --out={tmp}/x.png", "has no 'los'; did you mean 'loss'"),
    "model_summary": ("--model=resnet18 --config=configs/resnet.py", "expected either --model=NAME or --config"),
    "model_summary shape": ("--model=resnet18 --shape 1 2 3 4", "expected H W, H W C, or one side"),
    "model_summary name": ("--model=resnet19", "did you mean 'resnet18'"),
    "find_lr": ("--config=configs/resnet.py --start_lr=2 --end_lr=1", "expected 0 < start_lr < end_lr"),
    "kfold": ("--workdir={tmp}/x", "--config is missing"),
    "kfold fold": ("--config=configs/resnet.py --workdir={tmp}/x --fold=5", "fold=5, num_splits=5; expected"),
    "kfold summary": ("--workdir={tmp}/x --summary", "fold0 does not exist"),
    "publish": ("{tmp}/x --out={tmp}/a.pth", "no such|no checkpoint|does not exist"),
    "analyze_logs legend": ("plot_curve {workdir} --legend a b c --out={tmp}/x.png", "--legend: 3 names; expected 1"),
    "analyze_logs none": ("cal_train_time {tmp}", r"no \.log\.json in this folder"),
}


def start(name, line, workdir, tmp_path):
    tool = importlib.import_module(f"jaxcls.tools.{name.split()[0]}")
    tool.main([part.format(workdir=workdir, tmp=tmp_path) for part in line.split()])


SLOW = {"find_lr", "kfold", "tune"}  # they train


@pytest.mark.parametrize("name", [pytest.param(one, marks=[pytest.mark.slow] * (one in SLOW)) for one in STARTS])
def test_starts(name, workdir, tmp_path, capsys, monkeypatch):
    line, printed, files = STARTS[name]
    monkeypatch.chdir(importlib.import_module("tests.conftest").ROOT)
    start(name, line, workdir, tmp_path)
    assert printed.format() in capsys.readouterr().out
    there = sorted(path.name for path in tmp_path.iterdir())
    assert len(there) == len(files)
    assert all(map(fnmatch, there, sorted(files)))
    for file in files:
        if file.endswith(".png"):
            colours = Image.open(tmp_path / file).convert("RGB").getcolors(1 << 24)
            assert len(colours) > 10, "an empty picture"


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name, workdir, tmp_path, monkeypatch):
    line, message = MISTAKES[name]
    monkeypatch.chdir(importlib.import_module("tests.conftest").ROOT)
    with pytest.raises(UserError, match=message):
        start(name, line, workdir, tmp_path)
    assert not list(tmp_path.iterdir())


def test_every_tool_is_started_here_or_in_tests_of_its_own():
    tests = "".join(path.read_text() for path in Path(__file__).parents[1].rglob("test_*.py"))
    others = set(re.findall(r"\w+", " ".join(re.findall(r"\btools(?:\.| import )(.+)", tests))))
    tools = {module.name for module in pkgutil.iter_modules(jaxcls.tools.__path__)}
    started = {name.split()[0] for name in STARTS}
    assert tools <= started | others | {"command_line"}
    assert started <= tools


def test_what_is_printed_is_a_config(workdir, tmp_path, capsys):
    start("print_config", "--config={workdir}/config.json --config.seed=3", workdir, tmp_path)
    printed = json.loads(capsys.readouterr().out)
    assert printed == {**json.loads((workdir / "config.json").read_text()), "seed": 3}


def test_what_is_published_is_published_again(workdir, tmp_path, capsys):
    start("publish", "{workdir} --out={tmp}/tiny.pth", workdir, tmp_path)
    first = capsys.readouterr().out.strip()
    start("publish", f"{first} --out={{tmp}}/other.safetensors", workdir, tmp_path)
    other = Path(capsys.readouterr().out.strip())
    assert hashlib.sha256(other.read_bytes()).hexdigest()[:8] == other.stem[-8:]
    one, two = read_weights(first), read_weights(other)
    assert one.meta["CLASSES"] == [str(digit) for digit in range(10)]
    assert one.state_dict.keys() == two.state_dict.keys()
    for name, value in one.state_dict.items():
        np.testing.assert_array_equal(value, two.state_dict[name])
