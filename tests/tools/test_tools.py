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

import jaxcls
import jaxcls.tools
from jaxcls.config import load_config
from jaxcls.convert.wrappers import read_weights
from jaxcls.errors import UserError
from jaxcls.inspect.saved_scores import SavedScores
from jaxcls.tools.analyze_results import surest
from jaxcls.tools.confusion_matrix import most_confused
from jaxcls.tools.verify_dataset import dataset_of

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
    "eval_metric": ("{workdir}/scores.csv --metrics accuracy,recall --metric_options topk=1", '"recall": ', []),
    "confusion_matrix": ("{workdir}/scores.json --out={tmp}/m.png --topk=2", " taken for ", ["m.png"]),
    "analyze_results": (
        "{workdir}/scores.npz --config={workdir}/config.json --out_dir={tmp}/a --topk=3 --by_class",
        "/a",
        ["a"],
    ),
    "grad_cam": (
        "{workdir}/../three.png --ckpt={workdir} --method GradCAM EigenCAM --target_category 3 8 --out={tmp}/c.png",
        "backbone.bn1: ",
        ["c.png"],
    ),
    "grad_cam smooth": (
        "{workdir}/../three.png --ckpt={workdir} --aug-smooth --eigen-smooth --out={tmp}/c.png",
        "backbone.bn1: ",
        ["c.png"],
    ),
    "grad_cam preview": ("--ckpt={workdir} --preview_model", "backbone.bn1: 8 x 8 x 16  (default)", []),
    "browse_dataset": ("--config={workdir}/config.json --number=2 --out={tmp}/b.png", "b.png", ["b.png"]),
    "browse_dataset mixed": (
        "--config={workdir}/config.json --number=2 --mixed --mode=transformed --out={tmp}/b.png "
        "--config.model.train_cfg={{'augments':[{{'type':'BatchMixup','alpha':1.0}}]}}",
        "b.png",
        ["b.png"],
    ),
    "tsne": (
        "--ckpt={workdir} --method=pca --out={tmp}/t.png --out_features={tmp}/f.npz",
        "64 images, 16 features each: ",
        ["f.npz", "t.png"],
    ),
    "benchmark": (
        "--ckpt={workdir} --batch_size 2 --training --repeats=5 --out={tmp}/s.json",
        "training       2",
        ["s.json"],
    ),
    "benchmark deployed": ("--ckpt={workdir} --batch_size 2 --repeats=5 --deploy", "Tiny, images (8, 8, 1)", []),
    "find_lr": (
        "--config={workdir}/config.json --iters=24 --start_lr=1e-4 --end_lr=1 --out={tmp}/lr.png",
        "24 iterations, rates 0.0001 to 1: ",
        ["lr.png"],
    ),
    "tune": (
        "--config={workdir}/config.json --trials=2 --eta=2 --length=2 --workdir={tmp}/tune",
        "accuracy_top-1 after so long, the best first",
        ["tune"],
    ),
    "kfold": (
        "--config={workdir}/config.json --num_splits=2 --workdir={tmp}/folds --config.runner.max_epochs=1",
        '"accuracy_top-1": {{"mean": ',
        ["folds"],
    ),
    "publish": ("{workdir} --out={tmp}/tiny.pth", "tiny_20", ["tiny_*.pth"]),
    "report": ("{workdir} --out={tmp}/r.html --shown=20", "r.html", ["r.html"]),
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
    "eval_metric": ("{workdir}/scores.npz --metrics acuracy", "'acuracy' is unknown; did you mean 'accuracy'"),
    "eval_metric option": ("{workdir}/scores.npz --metric_options topk", "'topk'; expected NAME=VALUE"),
    "eval_metric file": ("{workdir}/config.json", "has no class_scores, no gt_label; write it with evaluate.py"),
    "confusion_matrix": ("{tmp}/none.npz", "does not exist; expected what evaluate.py --out writes"),
    "confusion_matrix out": ("{workdir}/scores.npz --out={tmp}/m.gif", r"ends in '\.gif'; allowed: \.png"),
    "analyze_results": (
        "{workdir}/scores.npz --config={workdir}/config.json --out_dir={tmp} --config.data.val.split=test[:9]",
        "data.val has 9 images, the file of scores 64",
    ),
    "grad_cam": ("{tmp} --ckpt={workdir} --method GradCam", "'GradCam'; did you mean 'GradCAM'"),
    "grad_cam class": ("x.png --ckpt={workdir} --target_category 12", "'12' is no class; did you mean '2' or '1'"),
    "grad_cam digit": ("x.png --ckpt={workdir} --target_category ²", "'²' is no class; Allowed"),
    "grad_cam none": ("--ckpt={workdir}", "expected one image or several"),
    "browse_dataset": ("--config={workdir}/config.json --mixed", r"no model\.train_cfg\.augments"),
    "browse_dataset split": ("--config={workdir}/config.json --split=test2", "--split=test2: not in the config"),
    "browse_dataset seed": ("--config=x.py --seed=-1", "--seed: '-1'; expected a whole number from 0 to 4294967295"),
    "browse_dataset data": ("--config={workdir}/config.json --config.data=3", r"config\.data: 3; expected a dict of"),
    "browse_dataset keys": (
        "--config={workdir}/config.json --config.data.train.spilt=x",
        "TFDS has no argument 'spilt'",
    ),
    "tsne": ("--ckpt={workdir} --stage=nek", "--stage: 'nek'; did you mean 'neck'"),
    "tsne perplexity": ("--ckpt={workdir} --perplexity=99", "--perplexity: 99.0; expected more than 0 and less than"),
    "benchmark": ("--batch_size 2", "expected either --ckpt=WORKDIR or --model=NAME"),
    "benchmark deployed": ("--ckpt={workdir} --training --deploy", "a deployed model is for inference alone"),
    "find_lr": ("--config=configs/resnet.py --start_lr=2 --end_lr=1", "expected 0 < start_lr < end_lr"),
    "tune": ("--config={workdir}/config.json --workdir={tmp}/t --search lr", "'lr'; expected KEY=LOW..HIGH or KEY="),
    "kfold": ("--workdir={tmp}/x", "--config is missing"),
    "kfold fold": ("--config=configs/resnet.py --workdir={tmp}/x --fold=5", "fold=5, num_splits=5; expected"),
    "kfold summary": ("--workdir={tmp}/x --summary", "fold0 does not exist"),
    "report": ("{tmp}", r"config\.json does not exist; expected the config that training saved"),
    "report out": ("{workdir} --out={tmp}/none/r.html", "--out: the folder .* does not exist"),
    "publish": ("{tmp}/x --out={tmp}/a.pth", "no such|no checkpoint|does not exist"),
    "analyze_logs legend": ("plot_curve {workdir} --legend a b c --out={tmp}/x.png", "--legend: 3 names; expected 1"),
    "analyze_logs none": ("cal_train_time {tmp}", r"no \.log\.json in this folder"),
}


def start(name, line, workdir, tmp_path):
    tool = importlib.import_module(f"jaxcls.tools.{name.split()[0]}")
    tool.main([part.format(workdir=workdir, tmp=tmp_path) for part in line.split()])


SLOW = {"find_lr", "kfold", "report", "tune"}  # they train, or evaluate and measure


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


def test_saved_scores_give_the_numbers_of_the_evaluation(workdir, tmp_path, capsys):
    for ending in ("npz", "json", "csv"):
        line = f"{{workdir}}/scores.{ending} --metrics accuracy log_loss --metric_options topk=1,2"
        start("eval_metric", line, workdir, tmp_path)
        assert json.loads(capsys.readouterr().out) == json.loads((workdir / "numbers.json").read_text())


def test_features_are_the_networks(workdir, tmp_path):
    start("tsne", "--ckpt={workdir} --method=pca --out={tmp}/t.png --out_features={tmp}/f.npz", workdir, tmp_path)
    found = np.load(tmp_path / "f.npz")
    model = jaxcls.init_model(workdir)
    dataset = dataset_of(load_config(workdir / "config.json"), "val")
    images = np.stack([model.preprocess(dataset.source[i]["image"]) for i in range(4)])
    expected = model.classifier.apply(model.variables, images, method="extract_feat", stage="pre_logits")
    np.testing.assert_allclose(found["features"][:4], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(found["labels"], dataset.labels)
    centred = found["features"] - found["features"].mean(0)
    variances = np.linalg.svd(centred, compute_uv=False)[:2] ** 2
    np.testing.assert_allclose(np.sort((found["points"] ** 2).sum(0))[::-1], variances, rtol=1e-3)


def test_the_surest_come_first():
    scores = np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3], [0.2, 0.8], [np.nan, np.nan]])
    saved = SavedScores(scores, np.array([0, 0, 1, 1, 0]), list("abcde"), ("x", "y"))
    assert surest(saved, True, 5) == [0, 3]
    assert surest(saved, False, 5) == [2, 1, 4]
    assert surest(saved, False, 5, label=0) == [1, 4]
    assert most_confused(np.array([[5, 2], [3, 4]]), ("x", "y")) == ["y taken for x: 3 of 7", "x taken for y: 2 of 7"]


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
