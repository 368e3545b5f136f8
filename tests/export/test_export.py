"""Exported models, run by what docs/export.md shows, without jaxcls."""

from __future__ import annotations

import ast
import json
import re

import jax
import numpy as np
import pytest

import jaxcls
from jaxcls.errors import UserError
from jaxcls.export.program import Program
from jaxcls.tools import export as tool
from tests.conftest import ROOT
from tests.models.families import FAMILIES
from tests.small_models import model_of, pictures


def documented_loader():
    """The code of the docs; it imports what it may."""
    (code,) = re.findall(r"```python\n(import json\n.*?)```", (ROOT / "docs/export.md").read_text(), re.DOTALL)
    names = {alias.name for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom)}
    assert names <= {"json", "pathlib", "jax", "numpy"}
    exec(code, space := {})
    return space["load"]


@pytest.fixture(scope="module")
def model():
    return model_of("LeNet5")


def test_scores_are_those_of_an_evaluation(model, tmp_path):
    images = pictures(model)
    expected = np.stack([row["class_scores"] for row in jaxcls.inference_model(model, list(images))])
    description, score = documented_loader()(jaxcls.export_model(model, tmp_path / "plain"))
    for count in (3, 1):
        scores = score(images[:count])
        assert (scores.dtype, scores.shape) == (np.float32, (count, 8))
        np.testing.assert_allclose(scores, expected[:count], atol=1e-5, rtol=0)
    assert description["classes"] == list(model.classes)
    assert description["input"] == {
        "name": "images",
        "dtype": "uint8",
        "shape": ["batch", *model.image_shape],
        "channels": "RGB",
    }
    assert description["preprocessing"]["in_the_program"] == model.description["pipeline"]
    assert description["platforms"] == ["cpu", "cuda", "tpu"]


def test_an_earlier_export_is_replaced_and_nothing_else(model, tmp_path):
    folder = jaxcls.export_model(model, tmp_path / "out")
    (folder / "weights.npz").write_bytes(b"old")
    documented_loader()(jaxcls.export_model(model, folder))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("precious")
    with pytest.raises(UserError, match="no earlier export"):
        jaxcls.export_model(model, tmp_path / "mine")
    with pytest.raises(UserError, match="does not exist"):
        jaxcls.export_model(model, tmp_path / "no" / "where")
    with pytest.raises(UserError, match=r"format='tflite'.*onnx, stablehlo"):
        jaxcls.export_model(model, tmp_path / "new", format="tflite")


def test_models_ask_for_no_length_of_a_batch():
    """`len` wants a number, and the batch of an exported program is a symbol; `x.shape[0]` is either."""
    sources = (ROOT / "jaxcls" / "models").rglob("*.py")
    lines = [line.strip() for path in sources for line in path.read_text().splitlines()]
    assert not [line for line in lines if re.search(r"\blen\((x|y|images|logits)\),", line)]


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_is_the_programs_own(tmp_path, precision):
    model = model_of("ResNet_CIFAR", precision=precision)
    images = pictures(model)
    _, score = documented_loader()(jaxcls.export_model(model, tmp_path / "out"))
    expected = [row["class_scores"] for row in jaxcls.inference_model(model, list(images))]
    np.testing.assert_allclose(score(images), np.stack(expected), atol=1e-2, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("deploy", [False, True], ids=["trained", "deployed"])
def test_every_family(name, deploy, tmp_path):
    model = model_of(name)
    images, program = pictures(model), Program(model)
    expected = np.asarray(jax.jit(program)(list(program.weights.values()), images))
    exported = jaxcls.export_model(model_of(name, deploy=True) if deploy else model, tmp_path / "out")
    description, score = documented_loader()(exported)
    assert description["deployed"] == deploy
    for count in (1, 3):
        np.testing.assert_allclose(score(images[:count]), expected[:count], atol=1e-5, rtol=0)


def test_the_command(monkeypatch, tmp_path, capsys, model):
    opened = []

    def find_model(*arguments):
        opened.append(arguments)
        return model

    monkeypatch.setattr(tool, "find_model", find_model)
    tool.main(["work_dirs/mine", f"--out={tmp_path / 'out'}", "--weights=raw", "--deploy"])
    assert opened == [("work_dirs/mine", None, True, "raw")]
    assert json.loads((tmp_path / "out" / "model.json").read_text())["format"] == "stablehlo"
    assert capsys.readouterr().out.strip() == str(tmp_path / "out")
