"""The wheel and the sdist: what is in them, and that the recipes train from any folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from tests.commands import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder with both, made of a copy of the tracked files, the wheel from the sdist as `python -m build` does."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "-cf", source / "all.tar", "-T", "-"], cwd=ROOT, input=files.stdout, check=True)
    subprocess.run(["tar", "-xf", "all.tar"], cwd=source, check=True)
    (source / "all.tar").unlink()
    subprocess.run([sys.executable, "-m", "build", "--outdir", out, source], check=True, capture_output=True)
    return out


def test_the_wheel_has_the_package_its_data_and_the_recipes(built):
    [wheel] = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "jaxcls").rglob("*.py")}
    recipes = {f"jaxcls/configs/{path.name}" for path in (ROOT / "configs").glob("*.py")}
    pages = {str(path.relative_to(ROOT)) for path in (ROOT / "jaxcls/report/page").iterdir() if path.is_file()}
    assert sources | recipes | pages <= names
    assert {
        "jaxcls/py.typed",
        "jaxcls/serve/page.html",
        "jaxcls/train.py",
        "jaxcls/evaluate.py",
    } <= names
    assert all(name.startswith(("jaxcls/", "jaxcls-")) for name in names)
    assert not [name for name in names if name.endswith(".pyc")]


def test_the_sdist_has_what_a_wheel_is_built_of(built):
    [sdist] = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"train.py", "configs/resnet.py", "setup.py", "README.md", "LICENSE", "CITATION.cff"} <= names
    assert not [name for name in names if name.endswith(".pyc")]


def test_the_installed_command_trains_evaluates_and_predicts(built, tmp_path):
    """In an environment of its own, which has the dependencies of this one."""
    environment, folder = tmp_path / "venv", tmp_path / "elsewhere"
    folder.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    [packages] = environment.glob("lib/*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    [wheel] = built.glob("*.whl")
    install = [sys.executable, "-m", "pip", "--python", environment, "install", "-q", "--no-deps", wheel]
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    subprocess.run(install, check=True, env=variables)

    def run(*arguments):
        done = subprocess.run(
            [environment / "bin/jaxcls", *arguments], cwd=folder, env=variables, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run(
        "train", "--config=resnet", "--workdir=run", "--config.runner.max_epochs=4", "--config.data.worker_type=process"
    )
    numbers = json.loads(run("evaluate", "--ckpt=run").splitlines()[-1])
    assert numbers["accuracy_top-1"] > 50
    digit = load_digits().images[0] * 255 / 16
    Image.fromarray(digit.astype(np.uint8)).save(folder / "zero.png")
    run("predict", "zero.png", "--ckpt=run", "--out=predicted.json")
    [answer] = json.loads((folder / "predicted.json").read_text())
    assert answer["pred_class"] in {entry["class"] for entry in answer["topk"]} <= {str(i) for i in range(10)}
    assert "Recipes: airbench, alexnet" in run("--help")
