"""Any command line ends with a result or a message, never with a traceback."""

from __future__ import annotations

import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from jaxcls.tools.commands import NAMES, SCRIPTS, options
from tests import commands
from tests.fuzz.mutations import examples

ORIGINAL = """
model = dict(
    type="ImageClassifier",
    backbone=dict(type="LeNet5", num_classes=10),
    neck=None,
    head=dict(type="ClsHead", loss=dict(type="CrossEntropyLoss")),
)
pipeline = [dict(type="Resize", size=32), dict(type="ImageToTensor", keys=["img"]), dict(type="Collect", keys=["img"])]
data = dict(samples_per_gpu=4, train=dict(type="MNIST", data_prefix="x", pipeline=pipeline))
optimizer = dict(type="SGD", lr=0.01)
optimizer_config = dict(grad_clip=None)
lr_config = dict(policy="step", step=[15])
runner = dict(type="EpochBasedRunner", max_epochs=5)
"""
RECIPE = """
from tests import recipe

def get_config():
    config = recipe.get_config()
    config.data.update(batch_size=32)
    config.data.train.split, config.data.val.split, config.data.test.split = "train[:64]", "test[:32]", "test[:40]"
    config.runner.max_epochs = 1
    return config
"""
# with which a command works, in a folder that `place` makes
WORKING = {
    **dict.fromkeys(("train", "lr_curve", "print_config", "verify_dataset"), ("--config=recipe.py",)),
    "browse_dataset": ("--config=recipe.py", "--out=made.png"),
    "find_lr": ("--config=recipe.py", "--out=made.png", "--iters=20"),
    **dict.fromkeys(("tune", "kfold"), ("--config=recipe.py", "--workdir=made", "--num_splits=2")),
    **dict.fromkeys(("eval_metric", "confusion_matrix"), ("scores.json",)),
    **dict.fromkeys(("publish", "export_checkpoint"), ("run", "--out=made.pth")),
    "model_summary": ("--config=recipe.py", "--out=made.json"),
    "evaluate": ("--ckpt=run", "--out=made.json"),
    "predict": ("a.png", "--ckpt=run", "--out=made.csv"),
    "grad_cam": ("a.png", "--ckpt=run", "--out=made.png"),
    "analyze_results": ("scores.json", "--config=recipe.py", "--out_dir=made"),
    "report": ("run",),
    "analyze_logs": ("plot_curve", "run", "--keys=loss", "--out=made.png"),
    "tsne": ("--ckpt=run", "--out=made.png", "--perplexity=5"),
    "export": ("run", "--out=made.jaxcls"),
    "benchmark": ("--ckpt=run", "--batch_size=1", "--repeats=1"),
    "pack": ("train=pictures", "--name=packed", "--data_dir=made"),
    "convert_config": ("original.py", "--out=made.py"),
    "completion": ("bash",),
}
FILES = (
    "recipe.py",
    "original.py",
    "run",
    "a.png",
    "scores.json",
    "scores.npz",
    "b.pth",
    "pictures",
    "run/config.json",
    "made",
)
VALUES = ("", "0", "-1", "1", "3", "0.5", "1e9", "inf", "nan", "nowhere", "nowhere/x.png", "a=b", "[", "None", "../x")
VALUES += (
    "é",
    "resnet18",
    "*",
    "loss",
    "test",
    "val",
    "accuracy",
    "x.svg",
    "x.csv",
    "bfloat16",
    "digits",
    "[1,2]",
    "²",
)
OTHERS = ("--", "-", "-h", "--help", "--no", "--config=", "--config.a.b=1", "--config.=", "--config.data", "-x=1", "=")
OTHERS += (
    "--config.optimizer.lr=1e-2",
    "--config.data.batch_size=7",
    "--config.model.head.num_classes=3",
    "--config.x=1",
)


@st.composite
def lines(draw):
    name = draw(st.sampled_from(NAMES))
    values = VALUES if name == "serve" else VALUES + FILES  # it would serve
    flags = st.sampled_from(options(name) or ["--help"]).flatmap(
        lambda flag: st.sampled_from([flag + value for value in values] if flag.endswith("=") else [flag])
    )
    tokens = st.one_of(flags, flags, st.sampled_from(values), st.sampled_from(OTHERS), st.text("-=.[a1 ", max_size=5))
    begun = draw(st.sampled_from([(), *[WORKING.get(name, ())] * 3]))
    return name, [*begun, *draw(st.lists(tokens, max_size=4))]


def run(folder, name, *arguments):
    script = f"{name}.py" if name in SCRIPTS else f"jaxcls/tools/{name}.py"
    return commands.run(script, *arguments, folder=folder)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a recipe, its run, the scores of that, a picture, weights and a folder of pictures."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "recipe.py").write_text(RECIPE)
    (folder / "original.py").write_text(ORIGINAL)
    for name in ("a.png", "pictures/x/1.png", "pictures/y/2.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (9, 8), 70).save(folder / name)
    for name, *arguments in (
        ("train", "--config=recipe.py", "--workdir=run"),
        ("evaluate", "--ckpt=run", "--out=scores.json"),
        ("evaluate", "--ckpt=run", "--out=scores.npz"),
        ("publish", "run", "--out=b.pth"),
    ):
        done = run(folder, name, *arguments)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(WORKING))
def test_the_lines_to_begin_with_work(place, tmp_path, name):
    shutil.copytree(place, tmp_path / "here")
    done = run(tmp_path / "here", name, *WORKING[name])
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@examples(60)
@given(lines())
def test_any_command_line(place, tmp_path_factory, line):
    name, arguments = line
    folder = tmp_path_factory.getbasetemp() / "lines"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(place, folder)
    done = run(folder, name, *arguments)
    assert done.returncode in (0, 1, 2), (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr
    assert done.returncode == 0 or "error: " in done.stderr
