"""Whole networks against measurements of the original: every file in tests/golden/models is one case."""

from __future__ import annotations

import json
from pathlib import Path

import jax
import numpy as np
import pytest
from flax import linen as nn

from jaxcls.builder import build
from jaxcls.convert import convert_state_dict, export_state_dict
from jaxcls.models import backbones, build_classifier

GOLDEN = Path(__file__).parents[1] / "golden"
FAST = {"lenet5", "resnet18_cifar"}
FILES = [
    pytest.param(path, id=f"{path.parent.name}/{path.stem}", marks=[] if path.stem in FAST else [pytest.mark.slow])
    for folder in ("models", "newer", "other")
    for path in sorted((GOLDEN / folder).glob("*.npz"))
]
FEATURES = [pytest.param(path, id=path.stem, marks=pytest.mark.slow) for path in sorted(GOLDEN.glob("features/*.npz"))]


class Features(nn.Module):
    """A backbone alone, for the converter."""

    backbone: nn.Module

    def __call__(self, images):
        return self.backbone(images)


def load(path, fill, whole=True):
    """The file, its classifier or backbone and variables, its images and the state dict."""
    data = np.load(path)
    meta = json.loads(str(data["meta"]))
    if whole:
        made = build_classifier({key: value for key, value in meta["model"].items() if key != "init_cfg"})
    else:
        made = Features(build(meta["feature_backbone"], backbones))
    names = meta["params" if whole else "feature_params"]
    state_dict = {name: fill.fill(name, tuple(shape)) for name, shape in names}
    n, channels, height, width = meta["input"]["shape"]
    variables = convert_state_dict(made, state_dict, (height, width, channels))
    images = fill.images((n, channels, height, width), meta["input"]["seed"]).transpose(0, 2, 3, 1)
    return data, meta, made, variables, images, state_dict


def relative(actual, expected):
    assert actual.shape == expected.shape
    return np.abs(actual - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("path", FILES)
def test_logits_of_the_original(path, fill):
    data, meta, made, variables, images, state_dict = load(path, fill)
    logits = np.asarray(jax.jit(made.apply)(variables, images))
    # as close as the original's own float32 result is to the float64 one, which is in the file
    assert relative(logits, data["logits"]) < max(1e-5, 5 * meta["pytorch_float32_error"])
    exported = export_state_dict(made, variables)
    assert exported.keys() <= state_dict.keys()
    assert all(np.array_equal(value, state_dict[name]) for name, value in exported.items())


@pytest.mark.parametrize("path", FEATURES)
def test_features_of_the_original(path, fill):
    """Those of every stage: their shapes, and about 256 values of each, evenly spaced."""
    data, meta, made, variables, images, _ = load(path, fill, whole=False)
    channels_second = {4, 3} if meta["feature_backbone"]["type"] in ("EfficientFormer", "MlpMixer") else {4}
    features = jax.tree.leaves(jax.jit(made.apply)(variables, images))
    # no closer than the original's own float32 result is to the float64 one: 1.4e-4 with these weights of SEResNet-50
    bound = max(1e-4, 5 * meta["pytorch_float32_error"])
    numbers = [name.removeprefix("shape") for name in data.files if name.startswith("shape")]  # in order, tokens too
    for number, feature in zip(numbers, features, strict=True):
        ours = np.moveaxis(np.asarray(feature), -1, 1) if feature.ndim in channels_second else np.asarray(feature)
        assert ours.shape == tuple(data[f"shape{number}"])
        values = ours.ravel()[:: max(1, ours.size // 256)]
        assert np.abs(values - data[f"values{number}"]).max() < bound * data[f"largest{number}"]
