from __future__ import annotations

import json

import jax
import numpy as np

from jaxcls.convert import convert_state_dict
from jaxcls.models import build_classifier
from jaxcls.models.backbones import LeNet5


def test_logits_of_the_original(golden, fill):
    data = np.load(golden / "models" / "lenet5.npz")
    meta = json.loads(str(data["meta"]))
    made = build_classifier(meta["model"])
    state_dict = {name: fill.fill(name, tuple(shape)) for name, shape in meta["params"]}
    variables = convert_state_dict(made, state_dict, (32, 32, 1))
    logits = made.apply(variables, fill.images((2, 1, 32, 32), 0).transpose(0, 2, 3, 1))
    assert np.abs(logits - data["logits"]).max() / np.abs(data["logits"]).max() < 2e-6


def test_features_without_a_classifier():
    (features,), variables = LeNet5().init_with_output(jax.random.key(0), np.zeros((2, 32, 32, 1), np.float32))
    assert features.shape == (2, 1, 1, 120)
    assert set(variables["params"]) == {"features.0", "features.3", "features.6"}
