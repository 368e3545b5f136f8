"""Each tool starts on one tiny run and gives what it says; the wrong flags are one message."""

import importlib
import json
import pkgutil
from pathlib import Path

import pytest
from PIL import Image

import jaxcls.tools
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
    "analyze_logs legend": ("plot_curve {workdir} --legend a b c --out={tmp}/x.png", "--legend: 3 names; expected 1"),
    "analyze_logs none": ("cal_train_time {tmp}", r"no \.log\.json in this folder"),
}


def start(name, line, workdir, tmp_path):
    tool = importlib.import_module(f"jaxcls.tools.{name.split()[0]}")
    tool.main([part.format(workdir=workdir, tmp=tmp_path) for part in line.split()])


@pytest.mark.parametrize("name", STARTS)
def test_starts(name, workdir, tmp_path, capsys, monkeypatch):
    line, printed, files = STARTS[name]
    monkeypatch.chdir(importlib.import_module("tests.conftest").ROOT)
    start(name, line, workdir, tmp_path)
    assert printed in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(files)
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


def test_every_tool_is_started_here_or_has_tests_of_its_own():
    own = {path.stem.removeprefix("test_") for path in Path(__file__).parents[1].rglob("test_*.py")}
    tools = {module.name for module in pkgutil.iter_modules(jaxcls.tools.__path__)}
    started = {name.split()[0] for name in STARTS}
    assert tools - own - started == {"command_line", "export_checkpoint"}  # the latter: tests/convert/test_writers.py
    assert started <= tools


def test_what_is_printed_is_a_config(workdir, tmp_path, capsys):
    start("print_config", "--config={workdir}/config.json --config.seed=3", workdir, tmp_path)
    printed = json.loads(capsys.readouterr().out)
    assert printed == {**json.loads((workdir / "config.json").read_text()), "seed": 3}
