"""Every family in onnxruntime. It needs what CONTRIBUTING.md says."""

from __future__ import annotations

import builtins

import jax
import numpy as np
import pytest

import jaxcls
from jaxcls.errors import UserError
from jaxcls.export.program import Program
from jaxcls.models.backbones import hornet
from tests.models.families import FAMILIES
from tests.small_models import model_of, pictures


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_every_family(name, tmp_path):
    import onnxruntime

    model = model_of(name)
    images, program = pictures(model), Program(model)
    expected = np.asarray(jax.jit(program)(list(program.weights.values()), images))
    folder = jaxcls.export_model(model, tmp_path / "out", format="onnx")
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    for count in (1, 3):
        (scores,) = session.run(["scores"], {"images": images[:count]})
        np.testing.assert_allclose(scores, expected[:count], atol=1e-5, rtol=0)


@pytest.mark.slow
def test_what_cannot_be_converted_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(hornet, "filtered_by_products", hornet.filtered_by_fft)
    with pytest.raises(UserError, match="jax2onnx cannot convert this network: Only 1D FFT"):
        jaxcls.export_model(model_of("HorNet"), tmp_path / "out", format="onnx")
    assert not any(tmp_path.iterdir())


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    imported = builtins.__import__

    def without(name, *rest):
        if name.startswith("jax2onnx"):
            raise ImportError("No module named 'jax2onnx'")
        return imported(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r"No module named 'jax2onnx'.*--no-deps"):
        jaxcls.export_model(model_of("LeNet5"), tmp_path / "out", format="onnx")
    assert not any(tmp_path.iterdir())
