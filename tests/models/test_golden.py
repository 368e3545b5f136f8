"""Whole networks against measurements of the original: every file in tests/golden/models is one case."""

from __future__ import annotations

import json
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxcls.convert import convert_state_dict, export_state_dict
from jaxcls.models import build_classifier

GOLDEN = Path(__file__).parents[1] / "golden"
FAST = {"lenet5", "resnet18_cifar"}
FILES = [
    pytest.param(path, id=f"{path.parent.name}/{path.stem}", marks=[] if path.stem in FAST else [pytest.mark.slow])
    for folder in ("models", "newer", "other")
    for path in sorted((GOLDEN / folder).glob("*.npz"))
]
FEATURES = [pytest.param(path, id=path.stem, marks=pytest.mark.slow) for path in sorted(GOLDEN.glob("features/*.npz"))]


def load(path, fill):
    """The file, its classifier and variables, and its images."""
    data = np.load(path)
    meta = json.loads(str(data["meta"]))
    model = {key: value for key, value in meta["model"].items() if key != "init_cfg"}
    state_dict = {name: fill.fill(name, tuple(shape)) for name, shape in meta["params"]}
    n, channels, height, width = meta["input"]["shape"]
    made = build_classifier(model)
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
    data, _, made, variables, images, _ = load(path, fill)
    features = jax.jit(lambda v, x: made.apply(v, x, stage="backbone", method="extract_feat"))(variables, images)
    features = jax.tree.leaves(features)
    expected = [data[name] for name in sorted((n for n in data.files if n.startswith("feature")), key=number)]
    assert len(features) == len(expected)
    for ours, theirs in zip(features, expected, strict=True):
        ours = np.moveaxis(np.asarray(ours), -1, 1) if ours.ndim == 4 else np.asarray(ours)
        assert relative(ours, theirs) < 1e-4


def number(name):
    return int(name.removeprefix("feature"))
